#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"
#include "checkpoint/gguf.h"
#include "checkpoint/output_file.h"

namespace ttt {

struct GgufEntry {
  std::string name = {};
  std::uint32_t type = 0;  // GgufTensorType::id
  Shape shape = {};        // outermost first
  std::int64_t bytes = 0;
};

// The metadata of a GGUF file, in order.
class GgufMetadata {
 public:
  // As the file holds it, but without the keys that number the parts of a split set.
  static GgufMetadata of(const GgufFile& file);
  void set(std::string_view key, std::uint32_t value);  // in the place of the key, or at the end

 private:
  friend class GgufWriter;
  struct Member {
    std::string key = {};
    std::vector<std::byte> value = {};  // its type and payload
  };
  std::vector<Member> members_;
};

// Writes one GGUF file of version 3: the header at once, then the data of the tensors in the order of the entries.
// Errors are those of OutputFile.
class GgufWriter {
 public:
  GgufWriter(const std::filesystem::path& path, const GgufMetadata& metadata, const std::vector<GgufEntry>& entries,
             std::int64_t alignment);

  void write(const void* data, std::int64_t bytes) { file_.write(data, bytes); }
  void end_tensor() { file_.pad_to(alignment_); }
  void finish() { file_.finish(); }

 private:
  OutputFile file_;
  std::int64_t alignment_;
};

}  // namespace ttt
