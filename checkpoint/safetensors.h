#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/mapped_file.h"
#include "checkpoint/stored_tensor.h"

namespace ttt {

// One file in the safetensors format (https://huggingface.co/docs/safetensors): 8 bytes little-endian header length,
// a JSON header, then the data of all tensors one after the other.
//
// Everything is checked before a tensor is handed out, at a cost linear in the header: lengths against the file, the
// header's JSON (UTF-8, depth, duplicate names, integers written as such), sizes with checked arithmetic, and that the
// tensors tile the data without hole, overlap or tail. Violations are Error{kBadData} naming file and tensor.
// Zero-size tensors, scalars, padding of the header with white space and unaligned data are valid. A dtype without a
// Format is kept as Format::kOther with its name. Values are not looked at.
struct SafetensorsFile {
  std::shared_ptr<const MappedFile> file = {};
  std::vector<StoredTensor> tensors = {};  // in the order of their data
  std::vector<std::pair<std::string, std::string>> metadata = {};

  static constexpr std::int64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit
  static constexpr int kMaxRank = 32;
};

SafetensorsFile open_safetensors(const std::filesystem::path& path, FileAccess access = FileAccess::kMap);
// The same over a file that is open already.
SafetensorsFile parse_safetensors(std::shared_ptr<const MappedFile> file);

}  // namespace ttt
