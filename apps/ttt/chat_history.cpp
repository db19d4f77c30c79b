#include "apps/ttt/chat_history.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/error.h"
#include "checkpoint/mapped_file.h"

namespace ttt::app {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostBytes = std::int64_t{16} << 20;

std::optional<fs::path> absolute_path_in(const char* variable) {
  const char* value = std::getenv(variable);
  if (value == nullptr || *value != '/') return std::nullopt;
  return fs::path(value);
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

void write_all(const fs::path& file, int how, std::string_view bytes) {
  const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | how, S_IRUSR | S_IWUSR);
  if (fd < 0) return;
  struct stat status {};
  if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) (void)!fchmod(fd, S_IRUSR | S_IWUSR);
    (void)!write(fd, bytes.data(), bytes.size());
  }
  close(fd);
}

void make_private_directories(const fs::path& directory) {
  std::error_code unknown;
  if (directory.empty() || fs::exists(directory, unknown)) return;
  make_private_directories(directory.parent_path());
  mkdir(directory.c_str(), S_IRWXU);
}

}  // namespace

std::optional<fs::path> ChatHistory::default_file() {
  if (const auto state = absolute_path_in("XDG_STATE_HOME")) return *state / "ttt" / "chat_history";
  if (const auto home = absolute_path_in("HOME")) return *home / ".local" / "state" / "ttt" / "chat_history";
  return std::nullopt;
}

ChatHistory::ChatHistory(std::optional<fs::path> file) : file_(std::move(file)) {
  if (!file_) return;
  try {
    lines_ = split_lines(read_small_file(*file_, kMostBytes, "a history"));
  } catch (const Error&) {
    return;  // there is none yet, or it is not one
  }
  if (lines_.size() <= kMostLines) return;
  const bool long_since = lines_.size() > 2 * kMostLines;
  lines_.erase(lines_.begin(), lines_.end() - kMostLines);
  if (!long_since) return;
  std::string kept;
  for (const std::string& line : lines_) kept += line + "\n";
  write_all(*file_, O_TRUNC, kept);
}

void ChatHistory::add(std::string_view line) {
  if (line.find_first_not_of(" \t") != 0 || (!lines_.empty() && lines_.back() == line)) return;
  lines_.emplace_back(line);
  if (!file_) return;
  make_private_directories(file_->parent_path());
  write_all(*file_, O_APPEND, lines_.back() + "\n");
}

}  // namespace ttt::app
