#include "runtime/observers/tap_observer.h"

#include "base/error.h"

namespace ttt {

void TapObserver::add(const std::string& pattern, Tap tap) {
  bool used = false;
  for (std::int64_t i = 0; i < tree_.places.size(); ++i) {
    if (!path_matches(pattern, tree_.places[i].path)) continue;
    taps_[static_cast<std::size_t>(i)].push_back(all_.size());
    used = true;
  }
  require(used, ErrorKind::kUsage, "\"", pattern, "\" matches no block of this model");
  all_.push_back(std::move(tap));
}

void TapObserver::done(const Place& place, TensorView y) {
  if (place.index < 0) return;
  for (const std::size_t tap : taps_at(place)) all_[tap](place, y);
}

}  // namespace ttt
