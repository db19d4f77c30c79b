#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/tensor.h"
#include "checkpoint/output_file.h"

namespace ttt {

struct SafetensorsEntry {
  std::string name = {};
  std::string dtype = {};
  Shape shape = {};
  std::int64_t bytes = 0;
};

// Writes one file in the safetensors format: the header at once, then the data of the tensors in the order of the
// entries, in pieces of any size. Errors are those of OutputFile.
class SafetensorsWriter {
 public:
  SafetensorsWriter(const std::filesystem::path& path, const std::vector<SafetensorsEntry>& entries,
                    const std::vector<std::pair<std::string, std::string>>& metadata);

  void write(const void* data, std::int64_t bytes) { file_.write(data, bytes); }
  // Error{kInternal} unless all data was written.
  void finish();

 private:
  OutputFile file_;
  std::int64_t wanted_ = 0;
};

}  // namespace ttt
