#pragma once

#include <csignal>
#include <vector>

#include "checkpoint/mapped_file.h"

namespace ttt::app {

// SIGHUP, SIGINT and SIGTERM end the process with 129, 130 and 143: at once, or, inside a Graceful scope, when the work
// in it has noticed; a second signal always ends it at once. A SIGHUP ignored at the start (nohup) stays so. SIGBUS on
// a watched mapping says which file has shrunk and exits 4. A file beyond RLIMIT_FSIZE is a failing write, not a
// signal.
void install_signal_handlers();
void watch_mapped_files(std::vector<MappedRange> ranges);

// A file that is of no use unfinished: removed when a signal ends the process. Null: none. The path must outlive that.
void set_unfinished_file(const char* path);

// Signals that come in its scope wait for its end: for what must not be cut in two.
class SignalsHeld {
 public:
  SignalsHeld();
  ~SignalsHeld();
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;

 private:
  sigset_t saved_;
};

class Graceful {
 public:
  Graceful();
  ~Graceful();
  Graceful(const Graceful&) = delete;
  Graceful& operator=(const Graceful&) = delete;
};

// 0, or 129, 130 or 143 once a signal has come.
int interrupted();

// After a SIGINT that a Graceful scope has noticed: what it stopped is over, and the work goes on. Others stay.
void forget_interrupt();

}  // namespace ttt::app
