#include "text/grammar/constraint_cache.h"

namespace ttt {

std::shared_ptr<const TokenConstraint> ConstraintCache::get(const std::string& key,
                                                            const std::function<Grammar()>& compile) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = by_key_.find(key); found != by_key_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      return entries_.front().constraint;
    }
  }
  std::shared_ptr<const TokenConstraint> made = make_constraint(compile(), vocabulary_, mask_bytes_);
  const std::lock_guard lock(mutex_);
  if (const auto found = by_key_.find(key); found != by_key_.end()) return found->second->constraint;
  entries_.push_front({key, made});
  by_key_.emplace(entries_.front().key, entries_.begin());
  if (entries_.size() > constraints_) {
    by_key_.erase(entries_.back().key);
    entries_.pop_back();
  }
  return made;
}

}  // namespace ttt
