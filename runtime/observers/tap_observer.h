#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/exec.h"
#include "model/tree.h"

namespace ttt {

// Shows what blocks write to functions, which may change it: a tap, a recording, a replacement.
class TapObserver final : public Observer {
 public:
  // y: what has just been written at the place, on this rank; for a block that adds to the residual stream, the stream.
  using Tap = std::function<void(const Place&, TensorView y)>;

  // `tree` must outlive the observer.
  explicit TapObserver(const ModelTree& tree) : tree_(tree), taps_(static_cast<std::size_t>(tree.places.size())) {}

  // Calls `tap` for every place whose path fits `pattern` (components may be '*'), after the taps before it. Places
  // inside blocks count too ("model.layers.*.self_attn.o_proj": what attention is about to add). Error{kUsage} naming
  // the pattern when it fits none.
  void add(const std::string& pattern, Tap tap);

  void done(const Place& place, TensorView y) override;
  void launched(double, double) override {}
  bool counts() const override { return false; }
  bool observes(const Place& place) const override { return place.index >= 0 && !taps_at(place).empty(); }

 private:
  const std::vector<std::size_t>& taps_at(const Place& place) const {
    return taps_[static_cast<std::size_t>(place.index)];
  }

  const ModelTree& tree_;
  std::vector<Tap> all_;
  std::vector<std::vector<std::size_t>> taps_;  // by place, indices into all_
};

}  // namespace ttt
