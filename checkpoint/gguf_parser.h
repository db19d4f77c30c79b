#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "checkpoint/gguf.h"

namespace ttt {

// Reads one file front to back into a GgufFile: header, metadata, tensor descriptions, then the ranges of the data.
class GgufParser {
 public:
  explicit GgufParser(GgufFile& result);
  void parse();

 private:
  [[noreturn]] void refuse(const std::string& problem) const;
  std::int64_t left() const { return size_ - at_; }
  template <class T>
  T number(std::string_view what);
  std::string_view string(std::string_view what);
  std::string_view name(std::string_view what);  // of a key or tensor: not empty, bounded, no NUL
  void header();
  void key_value();
  void scalar_payload(GgufValue& value, std::string_view key);
  void array_payload(GgufValue& value, std::string_view key);
  void read_alignment();
  StoredTensor tensor_info();
  void data_ranges();

  GgufFile& result_;
  const std::string& path_;
  const std::byte* data_;
  std::int64_t size_, at_ = 0;
  std::int64_t num_keys_ = 0, num_tensors_ = 0;
};

}  // namespace ttt
