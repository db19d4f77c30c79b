#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/mapped_file.h"
#include "checkpoint/stored_tensor.h"

namespace ttt {

// Types of metadata values, numbered as in files.
enum class GgufType : std::uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};
std::string_view name_of(GgufType type);

// One metadata value, still in the mapped file.
struct GgufValue {
  GgufType type = GgufType::kU8;  // of the value, or of the elements of an array
  bool is_array = false;
  std::int64_t count = 1;           // elements
  const std::byte* data = nullptr;  // unaligned
  std::int64_t bytes = 0;
  std::size_t first_string = 0;  // of strings: where they begin among those of the file
};

// One GGUF file, or a set of split ones presented as one (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
// Versions 2 and 3, little-endian.
//
// All counts and lengths are checked against the bytes left before anything is allocated; parsing is linear. Broken
// files are Error{kBadData} naming file, key or tensor; other versions, nested arrays and tensor types without a known
// size are Error{kUnsupported}. Known types that have no Format are kept as Format::kOther with their name.
class GgufFile {
 public:
  // For a file named NAME-00002-of-00005.gguf, any of the five opens all of them.
  static GgufFile open(const std::filesystem::path& path, FileAccess access = FileAccess::kMap);
  // One file alone, without looking for its companions.
  static GgufFile parse(std::shared_ptr<const MappedFile> file);

  int version() const { return version_; }
  std::int64_t alignment() const { return alignment_; }
  const std::string& path() const { return files_.front()->path(); }
  const std::vector<std::shared_ptr<const MappedFile>>& files() const { return files_; }

  // Tensors under their names in the file, extents outermost first; in file order.
  const std::vector<StoredTensor>& tensors() const { return tensors_; }
  const StoredTensor* find_tensor(std::string_view name) const;

  // Metadata. Keys are in file order and valid as long as this object (or a copy) lives.
  const std::vector<std::string_view>& keys() const { return keys_; }
  const GgufValue* find(std::string_view key) const;
  // Each throws Error{kBadData} naming file and key when the key is missing or of another kind. Integers of every
  // width are accepted for integer(); number() accepts integers and floats.
  std::int64_t integer(std::string_view key) const;
  double number(std::string_view key) const;
  bool boolean(std::string_view key) const;
  std::string_view string(std::string_view key) const;
  std::vector<std::int64_t> integers(std::string_view key) const;  // booleans count as 0 and 1
  std::vector<double> numbers(std::string_view key) const;
  std::vector<std::string_view> strings(std::string_view key) const;  // into the mapped file
  std::string_view architecture() const { return string("general.architecture"); }

 private:
  friend class GgufParser;
  friend class GgufSplitSet;
  static GgufFile open_part(const std::filesystem::path& path, FileAccess access);
  const GgufValue& at(std::string_view key) const;
  // Sorts what find and find_tensor search. Sorted, not hashed: chosen names cannot make searching slow.
  void sort_keys();
  void sort_tensors();

  int version_ = 0;
  std::int64_t alignment_ = 32;
  std::vector<std::shared_ptr<const MappedFile>> files_;
  std::vector<StoredTensor> tensors_;
  std::vector<std::string_view> keys_;
  std::vector<GgufValue> values_;
  // Lengths are taken from the file once, when they are checked: a mapped file may change.
  std::vector<std::string_view> strings_;
  std::vector<std::size_t> keys_by_name_, tensors_by_name_;
};

// Whether the file starts like a GGUF file (either byte order).
bool looks_like_gguf(const MappedFile& file);

}  // namespace ttt
