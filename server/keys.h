#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ttt::server {

// The keys that requests must have one of. Any thread.
class Keys {
 public:
  // One a line; empty lines and those that begin with # are none. Error{kBadData} for a key with other characters than
  // printable ASCII, and where there is none.
  static std::vector<std::string> parse(std::string_view lines, const std::string& where);

  void set(std::vector<std::string> keys);
  bool required() const;
  // The number of the key in "Bearer KEY". The time tells nothing about the keys but their number and lengths.
  std::optional<std::size_t> find(std::string_view authorization) const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> keys_;
};

}  // namespace ttt::server
