#include "text/merge_queue.h"

namespace ttt {

void RankBuckets::push(std::uint32_t rank, std::int32_t position) {
  if (rank >= bucket_of_.size()) bucket_of_.resize(std::max<std::size_t>(rank + 1, bucket_of_.size() * 2), -1);
  std::int32_t& index = bucket_of_[rank];
  if (index < 0) {
    index = static_cast<std::int32_t>(buckets_.size());
    buckets_.emplace_back();
  }
  Bucket& bucket = buckets_[static_cast<std::size_t>(index)];
  if (bucket.open) {
    bucket.later.push_back(position);
    std::push_heap(bucket.later.begin(), bucket.later.end(), std::greater<>());
  } else {
    bucket.first.push_back(position);
  }
  if (bucket.queued) return;
  bucket.queued = true;
  ranks_.push_back(rank);
  std::push_heap(ranks_.begin(), ranks_.end(), std::greater<>());
}

bool RankBuckets::pop(std::uint32_t& rank, std::int32_t& position) {
  while (!ranks_.empty()) {
    rank = ranks_.front();
    Bucket& bucket = buckets_[static_cast<std::size_t>(bucket_of_[rank])];
    if (!bucket.open) {
      bucket.open = true;
      if (!std::is_sorted(bucket.first.begin(), bucket.first.end()))
        std::sort(bucket.first.begin(), bucket.first.end());
    }
    const bool early = bucket.at < bucket.first.size();
    if (early && (bucket.later.empty() || bucket.first[bucket.at] <= bucket.later.front())) {
      position = bucket.first[bucket.at++];
      return true;
    }
    if (!bucket.later.empty()) {
      std::pop_heap(bucket.later.begin(), bucket.later.end(), std::greater<>());
      position = bucket.later.back();
      bucket.later.pop_back();
      return true;
    }
    std::pop_heap(ranks_.begin(), ranks_.end(), std::greater<>());
    ranks_.pop_back();
    bucket.queued = false;
    std::vector<std::int32_t>().swap(bucket.first);
    bucket.at = 0;
    bucket.open = false;
  }
  return false;
}

}  // namespace ttt
