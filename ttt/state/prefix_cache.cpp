#include "state/prefix_cache.h"

#include <algorithm>

#include "base/error.h"

namespace ttt {

PrefixCache::PrefixCache(StatePool& pool, std::int64_t block, std::int64_t max_entries)
    : pool_(pool), block_(block), max_entries_(max_entries) {
  require(block > 0 && max_entries > 0, ErrorKind::kUsage,
          "[prefix cache] block and max_entries wanted positive numbers, got ", block, " and ", max_entries);
}

std::vector<std::uint64_t> PrefixCache::chain(std::span<const std::int32_t> ids) const {
  const std::size_t block = static_cast<std::size_t>(block_);
  std::vector<std::uint64_t> names;
  std::uint64_t h = 0xcbf29ce484222325;  // FNV-1a over whole tokens
  for (std::size_t i = 0; i < ids.size() / block * block; ++i) {
    h = (h ^ static_cast<std::uint32_t>(ids[i])) * 0x100000001b3;
    if ((i + 1) % block == 0) names.push_back(h);
  }
  return names;
}

void PrefixCache::index() {
  by_name_.clear();
  for (std::size_t e = 0; e < entries_.size(); ++e) {
    for (const std::uint64_t name : chain(entries_[e].ids)) by_name_.emplace(name, e);
  }
}

bool PrefixCache::evict() {
  if (entries_.empty()) return false;
  const auto older = [](const Entry& a, const Entry& b) { return a.used < b.used; };
  entries_.erase(std::min_element(entries_.begin(), entries_.end(), older));
  index();
  return true;
}

void PrefixCache::insert(const Sequence& sequence, std::span<const std::int32_t> ids) {
  require(static_cast<std::int64_t>(ids.size()) == sequence.length(), ErrorKind::kUsage, "[prefix cache] ids wanted ",
          sequence.length(), " values, got ", ids.size());
  const std::span<const std::int32_t> whole =
      ids.first(ids.size() / static_cast<std::size_t>(block_) * static_cast<std::size_t>(block_));
  const std::int64_t length = static_cast<std::int64_t>(whole.size());
  if (length == 0 || pool_.whole_sequences() || !sequence.can_truncate(length)) return;
  for (Entry& e : entries_) {
    if (std::equal(e.ids.begin(), e.ids.end(), whole.begin(), whole.end())) {
      e.used = ++clock_;
      return;
    }
  }
  if (size() == max_entries_) evict();
  Sequence kept = sequence.fork();
  kept.truncate(length);
  entries_.push_back({std::move(kept), {whole.begin(), whole.end()}, ++clock_});
  index();
}

Sequence PrefixCache::find(std::span<const std::int32_t> ids) {
  const std::vector<std::uint64_t> names = chain(ids.first(ids.empty() ? 0 : ids.size() - 1));
  for (std::size_t blocks = names.size(); blocks > 0; --blocks) {
    const std::int64_t length = static_cast<std::int64_t>(blocks) * block_;
    const auto [begin, end] = by_name_.equal_range(names[blocks - 1]);
    for (auto at = begin; at != end; ++at) {
      Entry& e = entries_[at->second];
      if (!std::equal(ids.begin(), ids.begin() + length, e.ids.begin()) || !e.sequence.can_truncate(length)) continue;
      e.used = ++clock_;
      Sequence found = e.sequence.fork();
      found.truncate(length);
      return found;
    }
  }
  return pool_.create();
}

}  // namespace ttt
