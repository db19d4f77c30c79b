#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ttt::app {

// At the start: where stdin, stdout or stderr are closed, no file opened later may become one of them.
void hold_standard_files();

// Errors of these are Error{kIo}, or Error{kResources} for a full disk.
void write_stdout(std::string_view s);
void finish_stdout();  // flushes; also reports earlier failures
// The whole text of a user's input: a file, a pipe (<(...), a FIFO, /dev/stdin), or "-" for stdin. The size of a pipe
// is not known beforehand. Beyond `limit` bytes Error{kBadData} naming `what`; a directory is Error{kIo}.
std::string read_input(const std::string& name, std::int64_t limit, std::string_view what);
inline constexpr std::int64_t kMostText = std::int64_t{1} << 29;  // bytes; Tokenizer::encode takes no more
bool read_stdin_line(std::string& line);  // without its newline; false: at the end. Flushes stdout first.

}  // namespace ttt::app
