#pragma once

#include <vector>

#include "checkpoint/mapped_file.h"

namespace ttt::app {

// SIGINT and SIGTERM end the process with 130 and 143: at once, or, inside a Graceful scope, when the work in it has
// noticed; a second signal always ends it at once. SIGBUS on a watched mapping says which file has shrunk and exits 4.
// A file beyond RLIMIT_FSIZE is a failing write, not a signal.
void install_signal_handlers();
void watch_mapped_files(std::vector<MappedRange> ranges);

// A file that is of no use unfinished: removed when a signal ends the process. Null: none. The path must outlive that.
void set_unfinished_file(const char* path);

class Graceful {
 public:
  Graceful();
  ~Graceful();
  Graceful(const Graceful&) = delete;
  Graceful& operator=(const Graceful&) = delete;
};

// 0, or 130 or 143 once a signal has come.
int interrupted();

}  // namespace ttt::app
