#include "checkpoint/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <optional>
#include <string_view>

#include "base/checked.h"
#include "base/json_scanner.h"
#include "checkpoint/printable.h"

namespace ttt {
namespace {

struct Dtype {
  std::string_view name;
  std::int64_t bits;
  Format format;
};

constexpr std::array<Dtype, 22> kDtypes{{
    {"F32", 32, Format::kF32},          {"F16", 16, Format::kF16},       {"BF16", 16, Format::kBF16},
    {"F64", 64, Format::kF64},          {"I8", 8, Format::kI8},          {"I16", 16, Format::kI16},
    {"I32", 32, Format::kI32},          {"I64", 64, Format::kI64},       {"U8", 8, Format::kU8},
    {"BOOL", 8, Format::kBool},         {"U16", 16, Format::kOther},     {"U32", 32, Format::kOther},
    {"U64", 64, Format::kOther},        {"F8_E4M3", 8, Format::kF8E4M3}, {"F8_E5M2", 8, Format::kOther},
    {"F8_E8M0", 8, Format::kOther},     {"C64", 64, Format::kOther},     {"F8_E4M3FNUZ", 8, Format::kOther},
    {"F8_E5M2FNUZ", 8, Format::kOther}, {"F4", 4, Format::kOther},       {"F6_E2M3", 6, Format::kOther},
    {"F6_E3M2", 6, Format::kOther},
}};

class HeaderReader {
 public:
  HeaderReader(SafetensorsFile& result, std::string_view header, std::int64_t data_begin)
      : result_(result),
        path_(result.file->path()),
        scan_(header, path_, "header byte"),
        data_begin_(data_begin),
        data_bytes_(result.file->size() - data_begin) {}

  void read() {
    scan_.expect('{');
    if (!scan_.take('}')) {
      do {
        std::string name = scan_.string();
        scan_.expect(':');
        if (name == "__metadata__") {
          if (seen_metadata_) scan_.refuse("__metadata__ occurs twice");
          seen_metadata_ = true;
          metadata();
        } else {
          tensor(std::move(name));
        }
      } while (scan_.take(','));
      scan_.expect('}');
    }
    scan_.skip_space();
    if (!scan_.at_end()) scan_.refuse("text after the end of the header");
    refuse_duplicates();
    check_tiling();
  }

 private:
  void metadata() {
    if (scan_.peek() == 'n') scan_.refuse("__metadata__ wanted an object of strings");
    scan_.expect('{');
    if (scan_.take('}')) return;
    do {
      std::string key = scan_.string();
      scan_.expect(':');
      if (scan_.peek() != '"') scan_.refuse(text("__metadata__ ", printable(key), " wanted a string"));
      result_.metadata.emplace_back(std::move(key), scan_.string());
    } while (scan_.take(','));
    scan_.expect('}');
  }

  [[noreturn]] void refuse(const StoredTensor& t, const std::string& problem) const {
    fail(ErrorKind::kBadData, text(path_, ": tensor ", printable(t.name), " ", problem));
  }

  std::int64_t size(std::string_view what) {
    if (const auto n = scan_.size()) return *n;
    constexpr std::size_t kShown = 24;
    scan_.refuse(text(what, " wanted a non-negative integer below 2^63, got ", printable(scan_.ahead(kShown))));
  }

  void tensor(std::string name) {
    StoredTensor t;
    t.name = std::move(name);
    t.file = path_;
    bool dtype = false, shape = false, offsets = false;
    scan_.expect('{');
    do {
      const std::string key = scan_.string();
      bool& seen = key == "dtype" ? dtype : key == "shape" ? shape : offsets;
      if (key != "dtype" && key != "shape" && key != "data_offsets")
        refuse(t, text("has an unknown field ", printable(key)));
      if (seen) refuse(t, text("has ", key, " twice"));
      seen = true;
      scan_.expect(':');
      if (key == "dtype") {
        t.format_name = scan_.string();
      } else if (key == "shape") {
        read_shape(t);
      } else {
        read_offsets(t);
      }
    } while (scan_.take(','));
    scan_.expect('}');
    if (!dtype || !shape || !offsets) refuse(t, "wanted dtype, shape and data_offsets");
    finish(t);
    result_.tensors.push_back(std::move(t));
  }

  void read_shape(StoredTensor& t) {
    int rank = 0;
    elements_ = 1;
    overflow_ = false;
    bool zero = false;
    scan_.expect('[');
    if (scan_.take(']')) return;
    do {
      const std::int64_t extent = size(text("shape of ", printable(t.name)));
      if (++rank > SafetensorsFile::kMaxRank) refuse(t, text("has more than ", SafetensorsFile::kMaxRank, " extents"));
      if (rank <= Shape::kMaxRank) t.shape.append(extent);
      zero = zero || extent == 0;
      overflow_ = overflow_ || __builtin_mul_overflow(elements_, extent, &elements_);
    } while (scan_.take(','));
    scan_.expect(']');
    // The product of [2^40, 2^40, 0] is 0, but such a tensor has no honest writer.
    if (zero) elements_ = 0;
    if (rank > Shape::kMaxRank) {
      t.unusable_rank = true;
      t.shape = {elements_};
    }
  }

  void read_offsets(StoredTensor& t) {
    const std::string what = text("data_offsets of ", printable(t.name));
    scan_.expect('[');
    const std::int64_t begin = size(what);
    if (scan_.peek() != ',') refuse(t, "wanted two data_offsets");
    scan_.expect(',');
    const std::int64_t end = size(what);
    if (scan_.peek() != ']') refuse(t, "wanted two data_offsets");
    scan_.expect(']');
    if (end < begin) refuse(t, text("has data_offsets that end before they begin: [", begin, ", ", end, "]"));
    if (end > data_bytes_) {
      refuse(t, text("ends at byte ", end, " of the data, but the file has ", data_bytes_, " (",
                     human_bytes(end - data_bytes_), " short)"));
    }
    t.offset = begin;  // of the data; made the file's in check_tiling
    t.bytes = end - begin;
  }

  void finish(StoredTensor& t) const {
    const auto dtype =
        std::find_if(kDtypes.begin(), kDtypes.end(), [&](const Dtype& d) { return d.name == t.format_name; });
    if (overflow_) refuse(t, "has a shape whose product overflows");
    if (dtype == kDtypes.end()) return;
    t.format = dtype->format;
    std::int64_t bits = 0;
    if (__builtin_mul_overflow(elements_, dtype->bits, &bits)) refuse(t, "has a shape whose size overflows");
    if (bits % 8 != 0) refuse(t, text("of dtype ", t.format_name, " does not end on a byte: ", bits, " bits"));
    if (bits / 8 != t.bytes) {
      refuse(t, text("of dtype ", t.format_name, " and shape ", t.shape.to_string(), " wanted ", bits / 8,
                     " bytes, got ", t.bytes));
    }
  }

  // Sorted, not hashed: chosen names cannot make it quadratic.
  void refuse_duplicates() const {
    std::vector<std::string_view> names;
    names.reserve(result_.tensors.size());
    for (const StoredTensor& t : result_.tensors) names.push_back(t.name);
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    require(twice == names.end(), ErrorKind::kBadData, path_, ": tensor ",
            twice == names.end() ? std::string() : printable(*twice), " occurs twice");
  }

  void check_tiling() {
    std::vector<StoredTensor>& all = result_.tensors;
    std::stable_sort(all.begin(), all.end(), [](const StoredTensor& a, const StoredTensor& b) {
      return a.offset != b.offset ? a.offset < b.offset : a.bytes < b.bytes;
    });
    std::int64_t at = 0;
    for (StoredTensor& t : all) {
      if (t.offset < at) refuse(t, text("begins at byte ", t.offset, " inside its predecessor, which ends at ", at));
      if (t.offset > at) refuse(t, text("begins at byte ", t.offset, " after a hole from ", at));
      at = t.offset + t.bytes;
      t.data = result_.file->bytes().data() + data_begin_ + t.offset;
      t.offset += data_begin_;
    }
    require(at == data_bytes_, ErrorKind::kBadData, path_, ": ", data_bytes_ - at, " bytes follow the last tensor");
  }

  SafetensorsFile& result_;
  const std::string& path_;
  JsonScanner scan_;
  std::int64_t data_begin_, data_bytes_;
  bool seen_metadata_ = false;
  std::int64_t elements_ = 1;  // of the shape read last
  bool overflow_ = false;
};

}  // namespace

SafetensorsFile parse_safetensors(std::shared_ptr<const MappedFile> file) {
  SafetensorsFile result;
  result.file = std::move(file);
  const std::string& path = result.file->path();
  const std::int64_t size = result.file->size();
  require(size >= 8, ErrorKind::kBadData, path, ": wanted a safetensors file of at least 8 bytes, got ", size);
  std::uint64_t header = 0;
  std::memcpy(&header, result.file->bytes().data(), sizeof header);
  require(header <= static_cast<std::uint64_t>(SafetensorsFile::kMaxHeaderBytes), ErrorKind::kBadData, path,
          ": header length wanted at most ", SafetensorsFile::kMaxHeaderBytes, " bytes, got ", header);
  const auto header_bytes = static_cast<std::int64_t>(header);
  require(header_bytes <= size - 8, ErrorKind::kBadData, path, ": header of ", header_bytes,
          " bytes is longer than the file, which has ", size - 8, " after its length");
  const auto* begin = reinterpret_cast<const char*>(result.file->bytes().data()) + 8;
  HeaderReader(result, {begin, static_cast<std::size_t>(header_bytes)}, 8 + header_bytes).read();
  return result;
}

SafetensorsFile open_safetensors(const std::filesystem::path& path, FileAccess access) {
  return parse_safetensors(MappedFile::open(path, access));
}

}  // namespace ttt
