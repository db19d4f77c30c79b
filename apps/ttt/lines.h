#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace ttt::app {

enum class Got : std::uint8_t {
  kLine,
  kEnd,      // of the input; at a terminal Ctrl-D in an empty line
  kStopped,  // a signal has arrived: interrupted()
};

// A source of lines.
class Lines {
 public:
  virtual ~Lines() = default;
  // Without its newline. At a terminal `prompt` is shown. Error{kIo} for an input that cannot be read.
  virtual Got next(const char* prompt, std::string& line) = 0;
};

// Whether standard input is a terminal and the prompt is visible.
bool at_terminal();
// Standard input without prompts; a signal ends the process.
std::unique_ptr<Lines> script_lines();
// A terminal, inside a Graceful scope: with libedit (keys as in a shell, a stored history) or, if the tool was built
// without libedit, with the terminal's own editing.
std::unique_ptr<Lines> terminal_lines();
bool has_line_editor();

// A whole input of one or more lines. A line that ends in a backslash continues in the next. Lines from one that begins
// with """ up to one that ends with """ are one input, as they are.
struct Input {
  std::string text = {};
  bool verbatim = false;  // it was within """, and is not a command
};
Got next_input(Lines& lines, Input& input);

}  // namespace ttt::app
