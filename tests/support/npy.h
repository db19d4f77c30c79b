#pragma once

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/error.h"

namespace ttt::support {

// The values of a little-endian .npy file of the type that `descr` names, format version 1, in the order of the file.
template <class T>
std::vector<T> read_npy_of(const std::string& path, const std::string& descr) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  require(bytes.size() > 10 && bytes.compare(0, 8, std::string("\x93NUMPY\x01\x00", 8)) == 0, ErrorKind::kBadData, path,
          " wanted a version 1 .npy file, got ", bytes.size(), " bytes of something else");
  const std::size_t header = static_cast<unsigned char>(bytes[8]) + 256u * static_cast<unsigned char>(bytes[9]);
  require(bytes.size() >= 10 + header && bytes.substr(10, header).find("'" + descr + "'") != std::string::npos,
          ErrorKind::kBadData, path, " wanted ", descr, ", got ", bytes.substr(10, header));
  std::vector<T> values((bytes.size() - 10 - header) / sizeof(T));
  std::memcpy(values.data(), bytes.data() + 10 + header, values.size() * sizeof(T));
  return values;
}

inline std::vector<float> read_npy(const std::string& path) { return read_npy_of<float>(path, "<f4"); }

inline std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  require(file.good(), ErrorKind::kIo, path, " cannot be read");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace ttt::support
