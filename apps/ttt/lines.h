#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace ttt::app {

enum class Got : std::uint8_t {
  kLine,
  kEnd,      // of the input; at a terminal Ctrl-D in an empty line
  kStopped,  // a signal has come: interrupted()
};

// Where lines come from.
class Lines {
 public:
  virtual ~Lines() = default;
  // Without its end. A terminal is asked with `prompt`. Error{kIo} for an input that cannot be read.
  virtual Got next(const char* prompt, std::string& line) = 0;
};

// Whether a user sits at standard input and sees what is asked.
bool at_terminal();
// Standard input as it comes, without prompts; a signal ends the process.
std::unique_ptr<Lines> script_lines();
// A terminal, inside a Graceful scope: with libedit (keys as in a shell, a history that lasts), or, where that was not
// there when the tool was built, with what the terminal itself can do.
std::unique_ptr<Lines> terminal_lines();
bool has_line_editor();

// A whole input of one or more lines. A line that ends in a backslash goes on in the next. Lines from one that begins
// with """ up to one that ends with """ are one input, as they are.
struct Input {
  std::string text = {};
  bool verbatim = false;  // it stood in """, and is no command
};
Got next_input(Lines& lines, Input& input);

}  // namespace ttt::app
