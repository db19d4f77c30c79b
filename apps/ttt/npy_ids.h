#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace ttt::app {

// A one-dimensional .npy array of int32 or int64. Error{kBadData} for anything else, naming it.
std::vector<std::int32_t> read_npy_ids(const std::filesystem::path& path);
// The same over the bytes of such a file; `where` opens every message.
std::vector<std::int32_t> parse_npy_ids(std::string_view bytes, const std::string& where);

}  // namespace ttt::app
