#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ttt::app {

// The lines that a user has typed, for the line editor: ${XDG_STATE_HOME:-~/.local/state}/ttt/chat_history, one per
// line, readable only by its owner. Errors are ignored: a file that cannot be read is empty, and lines that cannot be
// written are lost.
class ChatHistory {
 public:
  static constexpr std::size_t kMostLines = 1000;

  explicit ChatHistory(std::optional<std::filesystem::path> file = default_file());

  // Oldest first, at most kMostLines.
  const std::vector<std::string>& lines() const { return lines_; }
  // Skips lines that are blank, begin with a space, or equal the previous one.
  void add(std::string_view line);

  // Empty if neither variable is an absolute path.
  static std::optional<std::filesystem::path> default_file();

 private:
  std::optional<std::filesystem::path> file_;
  std::vector<std::string> lines_;
};

}  // namespace ttt::app
