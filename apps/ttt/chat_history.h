#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ttt::app {

// The lines that a user has typed, for the line editor: ${XDG_STATE_HOME:-~/.local/state}/ttt/chat_history, one a line,
// for its owner's eyes only. It is a convenience: what cannot be read is empty, and what cannot be written is lost.
class ChatHistory {
 public:
  static constexpr std::size_t kMostLines = 1000;

  explicit ChatHistory(std::optional<std::filesystem::path> file = default_file());

  // Oldest first, at most kMostLines.
  const std::vector<std::string>& lines() const { return lines_; }
  // Not a line that is blank, that begins with a space, or that was the last one too.
  void add(std::string_view line);

  // Nothing where neither variable names an absolute path.
  static std::optional<std::filesystem::path> default_file();

 private:
  std::optional<std::filesystem::path> file_;
  std::vector<std::string> lines_;
};

}  // namespace ttt::app
