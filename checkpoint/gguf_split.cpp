#include <charconv>
#include <iterator>
#include <optional>

#include "base/error.h"
#include "checkpoint/gguf.h"
#include "checkpoint/printable.h"

namespace ttt {
namespace {

constexpr std::size_t kDigits = 5;
constexpr std::string_view kOf = "-of-", kEnd = ".gguf";

std::string five_digits(std::int64_t n) {
  const std::string s = text(n);
  return s.size() >= kDigits ? s : std::string(kDigits - s.size(), '0') + s;
}

// NAME-00002-of-00005.gguf
struct PartName {
  std::string stem;  // with the folder
  std::int64_t part = 0, parts = 0;
  std::string of(std::int64_t p) const { return text(stem, "-", five_digits(p), kOf, five_digits(parts), kEnd); }
};

std::optional<std::int64_t> number_in(std::string_view digits) {
  std::int64_t n = 0;
  const auto r = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  if (r.ec != std::errc{} || r.ptr != digits.data() + digits.size() || n < 0) return std::nullopt;
  return n;
}

std::optional<PartName> part_name(std::string_view path) {
  const std::size_t tail = 1 + kDigits + kOf.size() + kDigits + kEnd.size();
  if (path.size() <= tail || !path.ends_with(kEnd)) return std::nullopt;
  const std::string_view s = path.substr(path.size() - tail);
  if (s[0] != '-' || s.substr(1 + kDigits, kOf.size()) != kOf) return std::nullopt;
  const auto part = number_in(s.substr(1, kDigits)), parts = number_in(s.substr(1 + kDigits + kOf.size(), kDigits));
  if (!part || !parts || *part < 1 || *parts < *part) return std::nullopt;
  return PartName{std::string(path.substr(0, path.size() - tail)), *part, *parts};
}

}  // namespace

// Joins the parts of a split model. The first part holds the metadata of all.
class GgufSplitSet {
 public:
  GgufSplitSet(const PartName& name, FileAccess access) : name_(name), access_(access) {}

  GgufFile join() const {
    check_presence();
    GgufFile all = GgufFile::open_part(name_.of(1), access_);
    check_numbers(all, 1);
    for (std::int64_t p = 2; p <= name_.parts; ++p) append(all, p);
    all.sort_tensors();
    if (all.find("split.tensors.count") != nullptr) {
      const std::int64_t want = all.integer("split.tensors.count");
      const auto got = static_cast<std::int64_t>(all.tensors_.size());
      require(want == got, ErrorKind::kBadData, all.path(), ": split.tensors.count wanted ", want,
              " tensors in all parts, got ", got);
    }
    return all;
  }

 private:
  void check_presence() const {
    std::string missing;
    std::int64_t present = 0;
    for (std::int64_t p = 1; p <= name_.parts; ++p) {
      std::error_code none;
      if (std::filesystem::exists(name_.of(p), none)) {
        ++present;
      } else if (missing.size() < 1000) {
        missing += (missing.empty() ? "" : ", ") + name_.of(p);
      }
    }
    require(present == name_.parts, ErrorKind::kBadData, name_.of(1), ": ", present, " of ", name_.parts,
            " parts present, missing ", missing);
  }

  void check_numbers(const GgufFile& file, std::int64_t p) const {
    const std::int64_t no = file.integer("split.no"), count = file.integer("split.count");
    require(no == p - 1 && count == name_.parts, ErrorKind::kBadData, file.path(), ": wanted part ", p, " of ",
            name_.parts, " by its name, got part ", no + 1, " of ", count, " by split.no and split.count");
  }

  void append(GgufFile& all, std::int64_t p) const {
    GgufFile part = GgufFile::open_part(name_.of(p), access_);
    check_numbers(part, p);
    if (part.find("general.architecture") != nullptr) {
      require(part.architecture() == all.architecture(), ErrorKind::kBadData, part.path(),
              ": general.architecture wanted ", printable(all.architecture()), " as in the first part, got ",
              printable(part.architecture()));
    }
    all.files_.push_back(part.files_.front());
    std::move(part.tensors_.begin(), part.tensors_.end(), std::back_inserter(all.tensors_));
  }

  const PartName& name_;
  FileAccess access_;
};

GgufFile GgufFile::open_part(const std::filesystem::path& path, FileAccess access) {
  return parse(MappedFile::open(path, access));
}

GgufFile GgufFile::open(const std::filesystem::path& path, FileAccess access) {
  const auto name = part_name(path.string());
  if (name && name->parts > 1) return GgufSplitSet(*name, access).join();
  GgufFile file = open_part(path, access);
  if (file.find("split.count") != nullptr) {
    const std::int64_t count = file.integer("split.count");
    require(count <= 1, ErrorKind::kBadData, file.path(), ": is one of ", count, " parts, but not named NAME-00001-of-",
            five_digits(count), ".gguf");
  }
  return file;
}

}  // namespace ttt
