#include "apps/ttt/lines.h"

#include <unistd.h>

#include <string_view>

#include "apps/ttt/standard_files.h"

namespace ttt::app {
namespace {

constexpr std::string_view kFence = "\"\"\"";
constexpr const char* kPrompt = "> ";
constexpr const char* kMore = "... ";

class ScriptLines final : public Lines {
 public:
  Got next(const char*, std::string& line) override { return read_stdin_line(line) ? Got::kLine : Got::kEnd; }
};

Got read_fenced(Lines& lines, Input& input) {
  input.verbatim = true;
  std::string text = input.text.substr(kFence.size());
  input.text.clear();
  for (;;) {
    if (text.ends_with(kFence)) {
      input.text += text.substr(0, text.size() - kFence.size());
      // The line of the closing mark alone ends nothing but the one before.
      if (text == kFence && input.text.ends_with('\n')) input.text.pop_back();
      return Got::kLine;
    }
    // What follows the opening mark is a line unless there is nothing.
    if (!input.text.empty() || !text.empty()) input.text += text + "\n";
    const Got got = lines.next(kMore, text);
    if (got == Got::kStopped) return got;
    if (got == Got::kEnd) {
      if (input.text.ends_with('\n')) input.text.pop_back();
      return Got::kLine;
    }
  }
}

}  // namespace

std::unique_ptr<Lines> script_lines() { return std::make_unique<ScriptLines>(); }

bool at_terminal() { return isatty(STDIN_FILENO) == 1 && (isatty(STDERR_FILENO) == 1 || isatty(STDOUT_FILENO) == 1); }

Got next_input(Lines& lines, Input& input) {
  input = {};
  const Got first = lines.next(kPrompt, input.text);
  if (first != Got::kLine) return first;
  if (input.text.starts_with(kFence)) return read_fenced(lines, input);
  while (input.text.ends_with('\\')) {
    input.text.back() = '\n';
    std::string more;
    const Got got = lines.next(kMore, more);
    if (got == Got::kStopped) return got;
    if (got == Got::kEnd) {
      input.text.pop_back();
      break;
    }
    input.text += more;
  }
  return Got::kLine;
}

}  // namespace ttt::app
