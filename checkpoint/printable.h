#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ttt {

// Text from a file, fit for a message: in single quotes, control bytes and invalid UTF-8 as \xNN, and cut (with the
// whole length stated) beyond 120 bytes.
std::string printable(std::string_view untrusted);

// The same text in one line for a terminal: control characters, which a file may have brought in, become spaces.
std::string on_one_line(std::string text);

// "812 bytes", "12.4 MB"; powers of 1000.
std::string human_bytes(std::int64_t bytes);

}  // namespace ttt
