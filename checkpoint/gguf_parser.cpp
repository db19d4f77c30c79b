#include "checkpoint/gguf_parser.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/checked.h"
#include "checkpoint/gguf_types.h"
#include "checkpoint/printable.h"

namespace ttt {
namespace {

static_assert(std::endian::native == std::endian::little, "files are read without swapping bytes");

constexpr std::int64_t kMaxName = 65535;
// Key of one byte and value of one: u64 length, byte, u32 type, byte.
constexpr std::int64_t kLeastKey = 14;
// Name of one byte, no extents: u64 length, byte, u32 rank, u32 type, u64 offset.
constexpr std::int64_t kLeastTensor = 25;
constexpr std::int64_t kLeastAlignment = 8, kMostAlignment = 65536;

std::int64_t scalar_bytes(GgufType type) {
  switch (type) {
    case GgufType::kU8:
    case GgufType::kI8:
    case GgufType::kBool:
      return 1;
    case GgufType::kU16:
    case GgufType::kI16:
      return 2;
    case GgufType::kU32:
    case GgufType::kI32:
    case GgufType::kF32:
      return 4;
    case GgufType::kU64:
    case GgufType::kI64:
    case GgufType::kF64:
      return 8;
    case GgufType::kString:
    case GgufType::kArray:
      break;
  }
  return 0;
}

}  // namespace

GgufParser::GgufParser(GgufFile& result)
    : result_(result),
      path_(result.files_.front()->path()),
      data_(result.files_.front()->bytes().data()),
      size_(result.files_.front()->size()) {}

void GgufParser::refuse(const std::string& problem) const {
  fail(ErrorKind::kBadData, text(path_, ": byte ", at_, ": ", problem));
}

template <class T>
T GgufParser::number(std::string_view what) {
  if (left() < static_cast<std::int64_t>(sizeof(T))) refuse(text("file ends inside ", what));
  T v{};
  std::memcpy(&v, data_ + at_, sizeof v);
  at_ += static_cast<std::int64_t>(sizeof v);
  return v;
}

std::string_view GgufParser::string(std::string_view what) {
  const auto length = number<std::uint64_t>(what);
  if (length > static_cast<std::uint64_t>(left())) {
    refuse(text(what, " has a length of ", length, " bytes, but ", left(), " are left"));
  }
  const std::string_view s(reinterpret_cast<const char*>(data_ + at_), static_cast<std::size_t>(length));
  at_ += static_cast<std::int64_t>(length);
  return s;
}

std::string_view GgufParser::name(std::string_view what) {
  const std::string_view s = string(what);
  if (s.empty()) refuse(text(what, " is empty"));
  if (static_cast<std::int64_t>(s.size()) > kMaxName) {
    refuse(text(what, " wanted at most ", kMaxName, " bytes, got ", s.size()));
  }
  if (s.find('\0') != std::string_view::npos) refuse(text(what, " ", printable(s), " holds a NUL byte"));
  return s;
}

void GgufParser::header() {
  if (size_ >= 4 && std::memcmp(data_, "FUGG", 4) == 0) refuse("big-endian GGUF is not read");
  if (size_ < 4 || std::memcmp(data_, "GGUF", 4) != 0) refuse("is no GGUF file (wanted the magic 'GGUF')");
  at_ = 4;
  const auto version = number<std::uint32_t>("the version");
  // Writers of big-endian files keep the order of the magic's letters and swap the rest.
  if (version != 0 && (version & 0xFFFF) == 0) refuse("big-endian GGUF is not read");
  require(version == 2 || version == 3, ErrorKind::kUnsupported, path_, ": GGUF version wanted 2 or 3, got ", version);
  result_.version_ = static_cast<int>(version);
  const auto tensors = number<std::uint64_t>("the number of tensors");
  const auto keys = number<std::uint64_t>("the number of keys");
  if (tensors > static_cast<std::uint64_t>(left() / kLeastTensor)) {
    refuse(text("number of tensors ", tensors, " needs more than the ", left(), " bytes left"));
  }
  if (keys > static_cast<std::uint64_t>(left() / kLeastKey)) {
    refuse(text("number of keys ", keys, " needs more than the ", left(), " bytes left"));
  }
  num_tensors_ = static_cast<std::int64_t>(tensors);
  num_keys_ = static_cast<std::int64_t>(keys);
}

void GgufParser::scalar_payload(GgufValue& value, std::string_view key) {
  value.data = data_ + at_;
  if (value.type == GgufType::kString) {
    value.first_string = result_.strings_.size();
    result_.strings_.push_back(string(text("key ", printable(key))));
    if (result_.strings_.back().find('\0') != std::string_view::npos) {
      refuse(text("key ", printable(key), " holds a string with a NUL byte"));
    }
  } else {
    const std::int64_t bytes = scalar_bytes(value.type);
    if (bytes > left()) refuse(text("file ends inside key ", printable(key)));
    if (value.type == GgufType::kBool && std::to_integer<unsigned>(data_[at_]) > 1) {
      refuse(text("key ", printable(key), " wanted a boolean 0 or 1, got ", std::to_integer<int>(data_[at_])));
    }
    at_ += bytes;
  }
  value.bytes = data_ + at_ - value.data;
}

void GgufParser::array_payload(GgufValue& value, std::string_view key) {
  const auto type = number<std::uint32_t>(text("key ", printable(key)));
  if (type > static_cast<std::uint32_t>(GgufType::kF64)) {
    refuse(text("key ", printable(key), " has elements of the unknown value type ", type));
  }
  value.type = static_cast<GgufType>(type);
  require(value.type != GgufType::kArray, ErrorKind::kUnsupported, path_, ": key ", printable(key),
          " is an array of arrays, which is not read");
  const auto count = number<std::uint64_t>(text("key ", printable(key)));
  const bool strings = value.type == GgufType::kString;
  const std::int64_t least = strings ? 8 : scalar_bytes(value.type);
  if (count > static_cast<std::uint64_t>(left() / least)) {
    refuse(text("key ", printable(key), " has an array of ", count, " elements, but ", left(), " bytes are left"));
  }
  value.is_array = true;
  value.count = static_cast<std::int64_t>(count);
  value.data = data_ + at_;
  if (strings) {
    value.first_string = result_.strings_.size();
    for (std::int64_t i = 0; i < value.count; ++i) result_.strings_.push_back(string("a string of an array"));
  } else {
    at_ += value.count * least;
  }
  value.bytes = data_ + at_ - value.data;
  const auto is_bad = [](std::byte b) { return std::to_integer<unsigned>(b) > 1; };
  if (value.type == GgufType::kBool && std::any_of(value.data, value.data + value.bytes, is_bad)) {
    refuse(text("key ", printable(key), " wanted booleans 0 or 1"));
  }
}

void GgufParser::key_value() {
  const std::string_view key = name("a key");
  const auto type = number<std::uint32_t>(text("key ", printable(key)));
  if (type > static_cast<std::uint32_t>(GgufType::kF64)) {
    refuse(text("key ", printable(key), " has the unknown value type ", type));
  }
  GgufValue value;
  value.type = static_cast<GgufType>(type);
  if (value.type == GgufType::kArray) {
    array_payload(value, key);
  } else {
    scalar_payload(value, key);
  }
  result_.keys_.push_back(key);
  result_.values_.push_back(value);
}

void GgufParser::read_alignment() {
  const GgufValue* value = result_.find("general.alignment");
  if (value == nullptr) return;
  if (value->is_array || value->type != GgufType::kU32) {
    refuse(text("general.alignment wanted a u32, got ", value->is_array ? "an array" : name_of(value->type)));
  }
  const std::int64_t alignment = result_.integer("general.alignment");
  const bool power = alignment > 0 && (alignment & (alignment - 1)) == 0;
  if (!power || alignment < kLeastAlignment || alignment > kMostAlignment) {
    refuse(text("general.alignment wanted a power of two from ", kLeastAlignment, " to ", kMostAlignment, ", got ",
                alignment));
  }
  result_.alignment_ = alignment;
}

StoredTensor GgufParser::tensor_info() {
  StoredTensor t;
  t.name = std::string(name("a tensor's name"));
  t.file = path_;
  const std::string what = text("tensor ", printable(t.name));
  const auto rank = number<std::uint32_t>(what);
  if (rank > Shape::kMaxRank) refuse(text(what, " wanted at most ", Shape::kMaxRank, " extents, got ", rank));
  std::int64_t extents[Shape::kMaxRank] = {};
  std::int64_t elements = 1;
  for (std::uint32_t i = 0; i < rank; ++i) {
    extents[i] = checked_size(number<std::uint64_t>(what), text(path_, ": ", what));
    elements = checked_mul(elements, extents[i], text(path_, ": ", what));
  }
  for (std::uint32_t i = rank; i > 0; --i) t.shape.append(extents[i - 1]);
  const auto id = number<std::uint32_t>(what);
  const auto type = gguf_tensor_type(id);
  require(type.has_value(), ErrorKind::kUnsupported, path_, ": ", what, " has the type ", static_cast<std::int32_t>(id),
          ", which is unknown or was withdrawn");
  t.format = type->format;
  t.format_name = std::string(type->name);
  const std::int64_t row = rank == 0 ? 1 : extents[0];
  if (row % type->block_elements != 0) {
    refuse(text(what, " of type ", type->name, " wanted rows of a multiple of ", type->block_elements, " values, got ",
                row));
  }
  t.bytes = checked_mul(elements / type->block_elements, type->block_bytes, text(path_, ": ", what));
  t.offset = checked_size(number<std::uint64_t>(what), text(path_, ": ", what));
  if (t.offset % result_.alignment_ != 0) {
    refuse(text(what, " has the offset ", t.offset, ", which is no multiple of ", result_.alignment_));
  }
  return t;
}

void GgufParser::data_ranges() {
  std::vector<StoredTensor>& all = result_.tensors_;
  if (all.empty()) return;
  const std::int64_t begin = checked_round_up(at_, result_.alignment_, path_);
  std::vector<std::size_t> order(all.size());
  std::int64_t end = begin;
  for (std::size_t i = 0; i < all.size(); ++i) {
    StoredTensor& t = all[i];
    order[i] = i;
    t.offset = checked_add(t.offset, begin, text(path_, ": tensor ", printable(t.name)));
    end = std::max(end, checked_add(t.offset, t.bytes, text(path_, ": tensor ", printable(t.name))));
  }
  require(end <= size_, ErrorKind::kBadData, path_, ": file is ", human_bytes(end - size_),
          " short: tensors end at byte ", end, ", the file at ", size_);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return all[a].offset != all[b].offset ? all[a].offset < all[b].offset : all[a].bytes < all[b].bytes;
  });
  std::int64_t taken = begin;
  for (const std::size_t i : order) {
    require(all[i].offset >= taken || all[i].bytes == 0, ErrorKind::kBadData, path_, ": tensor ",
            printable(all[i].name), " at byte ", all[i].offset, " overlaps its predecessor, which ends at ", taken);
    taken = std::max(taken, all[i].offset + all[i].bytes);
    all[i].data = data_ + all[i].offset;
  }
}

void GgufParser::parse() {
  header();
  for (std::int64_t i = 0; i < num_keys_; ++i) key_value();
  result_.sort_keys();
  read_alignment();
  for (std::int64_t i = 0; i < num_tensors_; ++i) result_.tensors_.push_back(tensor_info());
  result_.sort_tensors();
  data_ranges();
}

}  // namespace ttt
