#include "checkpoint/gguf.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/checked.h"
#include "base/enum_names.h"
#include "checkpoint/gguf_parser.h"
#include "checkpoint/printable.h"

namespace ttt {
namespace {

template <class T>
T load(const std::byte* p) {
  T v{};
  std::memcpy(&v, p, sizeof v);
  return v;
}

bool is_integer(GgufType t) { return t != GgufType::kF32 && t != GgufType::kF64 && t < GgufType::kString; }
bool is_number(GgufType t) { return t < GgufType::kString || t > GgufType::kArray; }
bool is_whole(GgufType t) {
  return t == GgufType::kU64 || t == GgufType::kI64 || (is_integer(t) && t != GgufType::kBool);
}

// Element i of numbers or booleans.
std::int64_t integer_at(const GgufValue& v, std::int64_t i, std::string_view what) {
  switch (v.type) {
    case GgufType::kU8:
    case GgufType::kBool:
      return load<std::uint8_t>(v.data + i);
    case GgufType::kI8:
      return load<std::int8_t>(v.data + i);
    case GgufType::kU16:
      return load<std::uint16_t>(v.data + 2 * i);
    case GgufType::kI16:
      return load<std::int16_t>(v.data + 2 * i);
    case GgufType::kU32:
      return load<std::uint32_t>(v.data + 4 * i);
    case GgufType::kI32:
      return load<std::int32_t>(v.data + 4 * i);
    case GgufType::kU64:
      return checked_size(load<std::uint64_t>(v.data + 8 * i), what);
    default:
      return load<std::int64_t>(v.data + 8 * i);
  }
}

double number_at(const GgufValue& v, std::int64_t i, std::string_view what) {
  if (v.type == GgufType::kF32) return static_cast<double>(load<float>(v.data + 4 * i));
  if (v.type == GgufType::kF64) return load<double>(v.data + 8 * i);
  return static_cast<double>(integer_at(v, i, what));
}

[[noreturn]] void refuse_type(const GgufFile& file, std::string_view key, std::string_view wanted, const GgufValue& v) {
  fail(ErrorKind::kBadData, text(file.path(), ": key ", printable(key), " wanted ", wanted, ", got ",
                                 v.is_array ? "an array of " : "", name_of(v.type)));
}

}  // namespace

std::string_view name_of(GgufType type) {
  constexpr EnumNames<13> kNames{"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                 "bool", "string", "array", "u64", "i64", "f64"};
  return name_in(kNames, type);
}

GgufFile GgufFile::parse(std::shared_ptr<const MappedFile> file) {
  GgufFile result;
  result.files_.push_back(std::move(file));
  GgufParser(result).parse();
  return result;
}

const StoredTensor* GgufFile::find_tensor(std::string_view name) const {
  const auto name_of = [&](std::size_t i) -> std::string_view { return tensors_[i].name; };
  const auto i = std::ranges::lower_bound(tensors_by_name_, name, {}, name_of);
  return i == tensors_by_name_.end() || name_of(*i) != name ? nullptr : &tensors_[*i];
}

const GgufValue* GgufFile::find(std::string_view key) const {
  const auto key_of = [&](std::size_t i) { return keys_[i]; };
  const auto i = std::ranges::lower_bound(keys_by_name_, key, {}, key_of);
  return i == keys_by_name_.end() || key_of(*i) != key ? nullptr : &values_[*i];
}

void GgufFile::sort_keys() {
  keys_by_name_.resize(keys_.size());
  std::iota(keys_by_name_.begin(), keys_by_name_.end(), std::size_t{0});
  const auto key_of = [&](std::size_t i) { return keys_[i]; };
  std::ranges::sort(keys_by_name_, {}, key_of);
  const auto twice = std::ranges::adjacent_find(keys_by_name_, {}, key_of);
  require(twice == keys_by_name_.end(), ErrorKind::kBadData, path(), ": key ",
          twice == keys_by_name_.end() ? std::string() : printable(keys_[*twice]), " occurs twice");
}

void GgufFile::sort_tensors() {
  tensors_by_name_.resize(tensors_.size());
  std::iota(tensors_by_name_.begin(), tensors_by_name_.end(), std::size_t{0});
  const auto name_of = [&](std::size_t i) -> std::string_view { return tensors_[i].name; };
  std::ranges::sort(tensors_by_name_, {}, name_of);
  const auto twice = std::ranges::adjacent_find(tensors_by_name_, {}, name_of);
  if (twice == tensors_by_name_.end()) return;
  const auto [first, second] = std::minmax(*twice, *(twice + 1));
  const StoredTensor &a = tensors_[first], &b = tensors_[second];
  fail(ErrorKind::kBadData,
       text(b.file, ": tensor ", printable(b.name), a.file == b.file ? " occurs twice" : " is in an earlier part too"));
}

const GgufValue& GgufFile::at(std::string_view key) const {
  const GgufValue* v = find(key);
  require(v != nullptr, ErrorKind::kBadData, path(), ": key ", printable(key), " is missing");
  return *v;
}

std::int64_t GgufFile::integer(std::string_view key) const {
  const GgufValue& v = at(key);
  if (v.is_array || !is_whole(v.type)) refuse_type(*this, key, "an integer", v);
  return integer_at(v, 0, text(path(), ": key ", printable(key)));
}

double GgufFile::number(std::string_view key) const {
  const GgufValue& v = at(key);
  if (v.is_array || !is_number(v.type) || v.type == GgufType::kBool) refuse_type(*this, key, "a number", v);
  return number_at(v, 0, text(path(), ": key ", printable(key)));
}

bool GgufFile::boolean(std::string_view key) const {
  const GgufValue& v = at(key);
  if (v.is_array || v.type != GgufType::kBool) refuse_type(*this, key, "a boolean", v);
  return std::to_integer<int>(*v.data) != 0;
}

std::string_view GgufFile::string(std::string_view key) const {
  const GgufValue& v = at(key);
  if (v.is_array || v.type != GgufType::kString) refuse_type(*this, key, "a string", v);
  return strings_[v.first_string];
}

std::vector<std::int64_t> GgufFile::integers(std::string_view key) const {
  const GgufValue& v = at(key);
  const bool whole = is_whole(v.type) || v.type == GgufType::kBool;
  if (!v.is_array || !whole) refuse_type(*this, key, "an array of integers", v);
  std::vector<std::int64_t> result(static_cast<std::size_t>(v.count));
  const std::string what = text(path(), ": key ", printable(key));
  for (std::int64_t i = 0; i < v.count; ++i) result[static_cast<std::size_t>(i)] = integer_at(v, i, what);
  return result;
}

std::vector<double> GgufFile::numbers(std::string_view key) const {
  const GgufValue& v = at(key);
  if (!v.is_array || !is_number(v.type) || v.type == GgufType::kBool) refuse_type(*this, key, "an array of numbers", v);
  std::vector<double> result(static_cast<std::size_t>(v.count));
  const std::string what = text(path(), ": key ", printable(key));
  for (std::int64_t i = 0; i < v.count; ++i) result[static_cast<std::size_t>(i)] = number_at(v, i, what);
  return result;
}

std::vector<std::string_view> GgufFile::strings(std::string_view key) const {
  const GgufValue& v = at(key);
  if (!v.is_array || v.type != GgufType::kString) refuse_type(*this, key, "an array of strings", v);
  const auto first = strings_.begin() + static_cast<std::ptrdiff_t>(v.first_string);
  return {first, first + v.count};
}

bool looks_like_gguf(const MappedFile& file) {
  if (file.size() < 4) return false;
  const std::string_view magic(reinterpret_cast<const char*>(file.bytes().data()), 4);
  return magic == "GGUF" || magic == "FUGG";
}

}  // namespace ttt
