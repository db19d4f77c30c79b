#include "server/keys.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "server/http.h"

namespace ttt::server {
namespace {

// Looks at every character of `given`, however early they differ.
bool same(std::string_view key, std::string_view given) {
  unsigned difference = key.size() == given.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    difference |=
        static_cast<unsigned>(static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(key[i % key.size()]));
  }
  return difference == 0;
}

}  // namespace

std::vector<std::string> Keys::parse(std::string_view lines, const std::string& where) {
  std::vector<std::string> keys;
  std::int64_t number = 0;
  while (!lines.empty()) {
    ++number;
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    constexpr std::string_view kBlank = " \t\r";
    line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
    line = line.substr(0, line.find_last_not_of(kBlank) + 1);
    if (line.empty() || line.front() == '#') continue;
    const bool printable = std::ranges::all_of(line, [](char c) { return c > ' ' && c <= '~'; });
    require(printable, ErrorKind::kBadData, where, ": line ", number, ": a key wanted printable ASCII without spaces");
    keys.emplace_back(line);
  }
  require(!keys.empty(), ErrorKind::kBadData, where, ": wanted at least one key, got none");
  return keys;
}

void Keys::set(std::vector<std::string> keys) {
  const std::lock_guard lock(mutex_);
  keys_ = std::move(keys);
}

bool Keys::required() const {
  const std::lock_guard lock(mutex_);
  return !keys_.empty();
}

std::optional<std::size_t> Keys::find(std::string_view authorization) const {
  constexpr std::string_view kScheme = "Bearer ";
  if (authorization.size() <= kScheme.size() || !same_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)) {
    return std::nullopt;
  }
  const std::string_view given = authorization.substr(kScheme.size());
  const std::lock_guard lock(mutex_);
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (same(keys_[i], given)) found = i;
  }
  return found;
}

}  // namespace ttt::server
