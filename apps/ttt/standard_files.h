#pragma once

#include <string>
#include <string_view>

namespace ttt::app {

// At the start: where stdin, stdout or stderr are closed, no file opened later may become one of them.
void hold_standard_files();

// Errors of these are Error{kIo}, or Error{kResources} for a full disk.
void write_stdout(std::string_view s);
void finish_stdout();  // flushes; also tells of what failed before
std::string read_stdin();
bool read_stdin_line(std::string& line);  // without its end; false: there is none. What was written is flushed before.

}  // namespace ttt::app
