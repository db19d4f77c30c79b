#include "checkpoint/mxfp4_tensors.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "base/checked.h"
#include "base/error.h"
#include "checkpoint/printable.h"

namespace ttt {
namespace {

constexpr std::string_view kBlocksEnding = "_blocks", kScalesEnding = "_scales";
constexpr std::int64_t kBlockBytes = 16, kBlockValues = 32;

std::string stem(const StoredTensor& t, std::string_view ending) {
  return t.name.substr(0, t.name.size() - ending.size());
}

// Neighbours share a byte, the first in its low bits; a block of the format has values j and j + 16 in byte j.
class Mxfp4Rows final : public AssembledRows {
 public:
  Mxfp4Rows(const std::byte* codes, const std::byte* scales, std::int64_t blocks)
      : codes_(codes), scales_(scales), blocks_(blocks) {}
  Format format() const override { return Format::kMXFP4; }
  void read(std::int64_t row, std::byte* to) const override {
    const auto nibble = [](const std::byte* from, int i) {
      return (std::to_integer<unsigned>(from[i / 2]) >> (i % 2 * 4)) & 15u;
    };
    for (std::int64_t b = row * blocks_; b < (row + 1) * blocks_; ++b, to += 17) {
      const std::byte* from = codes_ + b * kBlockBytes;
      to[0] = scales_[b];
      for (int i = 0; i < 16; ++i) to[1 + i] = static_cast<std::byte>(nibble(from, i) | (nibble(from, i + 16) << 4));
    }
  }

 private:
  const std::byte *codes_, *scales_;
  std::int64_t blocks_;  // of a row
};

StoredTensor joined(const StoredTensor& blocks, const StoredTensor& scales) {
  const Shape& s = scales.shape;
  Shape flat, split = s, values;
  for (int i = 0; i < s.rank(); ++i) {
    const bool last = i + 1 == s.rank();
    flat.append(last ? checked_mul(s[i], kBlockBytes, blocks.name) : s[i]);
    values.append(last ? checked_mul(s[i], kBlockValues, blocks.name) : s[i]);
  }
  if (split.rank() < Shape::kMaxRank) split.append(kBlockBytes);
  const bool bytes = blocks.format == Format::kU8 && scales.format == Format::kU8;
  require(s.rank() >= 2 && bytes && (blocks.shape == flat || blocks.shape == split), ErrorKind::kBadData, blocks.file,
          ": tensor ", printable(blocks.name), " wanted bytes of the extents ", flat.to_string(), " to match ",
          printable(scales.name), ", got ", blocks.shape.to_string(), " of ", blocks.format_name);
  StoredTensor t = blocks;
  t.name = stem(blocks, kBlocksEnding);
  t.format = Format::kMXFP4;
  t.format_name = "MXFP4";
  t.shape = values;
  t.assembled = std::make_shared<Mxfp4Rows>(blocks.data, scales.data, s[s.rank() - 1]);
  t.unlisted = blocks.unlisted || scales.unlisted;
  return t;
}

}  // namespace

void join_mxfp4(std::vector<StoredTensor>& tensors) {
  std::map<std::string, const StoredTensor*> scales;
  for (const StoredTensor& t : tensors) {
    if (t.name.ends_with(kScalesEnding)) scales.emplace(stem(t, kScalesEnding), &t);
  }
  std::vector<StoredTensor> result;
  for (const StoredTensor& t : tensors) {
    if (!t.name.ends_with(kBlocksEnding)) continue;
    const auto s = scales.find(stem(t, kBlocksEnding));
    require(s != scales.end(), ErrorKind::kBadData, t.file, ": tensor ", printable(t.name), " has no ",
            printable(stem(t, kBlocksEnding) + std::string(kScalesEnding)));
    result.push_back(joined(t, *s->second));
    s->second = nullptr;
  }
  for (StoredTensor& t : tensors) {
    const bool used = t.name.ends_with(kBlocksEnding) ||
                      (t.name.ends_with(kScalesEnding) && scales.find(stem(t, kScalesEnding))->second == nullptr);
    if (!used) result.push_back(std::move(t));
  }
  tensors = std::move(result);
}

}  // namespace ttt
