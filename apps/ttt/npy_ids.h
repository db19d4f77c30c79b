#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ttt::app {

// The values of a one-dimensional .npy array of int32 or int64, given as the bytes of its file. Error{kBadData} for
// anything else, naming it; `where` opens every message.
std::vector<std::int32_t> parse_npy_ids(std::string_view bytes, const std::string& where);

}  // namespace ttt::app
