#include "sampling/history.h"

#include <algorithm>

#include "base/error.h"

namespace ttt {

SequenceHistory::SequenceHistory(std::span<const std::int32_t> prompt, std::int64_t capacity)
    : prompt_(static_cast<std::int64_t>(prompt.size())) {
  const std::size_t room = std::max(prompt.size(), static_cast<std::size_t>(std::max<std::int64_t>(capacity, 0)));
  ids_.reserve(room);
  seen_.reserve(room);
  ids_.assign(prompt.begin(), prompt.end());
  for (const std::int32_t id : prompt) {
    require(id >= 0, ErrorKind::kUsage, "a sequence wanted ids of at least 0, got ", id);
    seen_.push_back({id, 0});
  }
  const auto by_id = [](const Seen& a, const Seen& b) { return a.id < b.id; };
  const auto same = [](const Seen& a, const Seen& b) { return a.id == b.id; };
  std::sort(seen_.begin(), seen_.end(), by_id);
  seen_.erase(std::unique(seen_.begin(), seen_.end(), same), seen_.end());
}

void SequenceHistory::append(std::int32_t id) {
  require(id >= 0, ErrorKind::kUsage, "a sequence wanted ids of at least 0, got ", id);
  ids_.push_back(id);
  const auto at = std::lower_bound(seen_.begin(), seen_.end(), id,
                                   [](const Seen& s, std::int32_t wanted) { return s.id < wanted; });
  if (at != seen_.end() && at->id == id) {
    ++at->generated;
  } else {
    seen_.insert(at, {id, 1});
  }
}

}  // namespace ttt
