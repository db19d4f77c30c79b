#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ttt::app {

// The values of a one-dimensional .npy array of int32 or int64, given as the bytes of its file. Error{kBadData} for
// anything else, naming it; `where` opens every message.
std::vector<std::int32_t> parse_npy_ids(std::string_view bytes, const std::string& where);

// A .npy array of float32 with rows last (C order), given as the bytes of its file. Error{kBadData} as above.
struct NpyFloats {
  std::vector<std::int64_t> shape = {};
  std::vector<float> values = {};
};
NpyFloats parse_npy_floats(std::string_view bytes, const std::string& where);

}  // namespace ttt::app
