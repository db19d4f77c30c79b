#include "checkpoint/mxfp4_tensors.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "base/checked.h"
#include "base/error.h"
#include "checkpoint/printable.h"

namespace ttt {
namespace {

constexpr std::string_view kBlocks = "_blocks", kScales = "_scales";
constexpr std::int64_t kBlockBytes = 16, kBlockValues = 32;

std::string stem(const StoredTensor& t, std::string_view ending) {
  return t.name.substr(0, t.name.size() - ending.size());
}

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
  t.name = stem(blocks, kBlocks);
  t.format = Format::kMXFP4;
  t.format_name = "MXFP4";
  t.shape = values;
  t.scales = scales.data;
  t.unlisted = blocks.unlisted || scales.unlisted;
  return t;
}

}  // namespace

void join_mxfp4(std::vector<StoredTensor>& tensors) {
  std::map<std::string, const StoredTensor*> scales;
  for (const StoredTensor& t : tensors) {
    if (t.name.ends_with(kScales)) scales.emplace(stem(t, kScales), &t);
  }
  std::vector<StoredTensor> result;
  for (const StoredTensor& t : tensors) {
    if (!t.name.ends_with(kBlocks)) continue;
    const auto s = scales.find(stem(t, kBlocks));
    require(s != scales.end(), ErrorKind::kBadData, t.file, ": tensor ", printable(t.name), " has no ",
            printable(stem(t, kBlocks) + std::string(kScales)));
    result.push_back(joined(t, *s->second));
    s->second = nullptr;
  }
  for (StoredTensor& t : tensors) {
    const bool used =
        t.name.ends_with(kBlocks) || (t.name.ends_with(kScales) && scales.find(stem(t, kScales))->second == nullptr);
    if (!used) result.push_back(std::move(t));
  }
  tensors = std::move(result);
}

}  // namespace ttt
