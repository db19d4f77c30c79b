#include "runtime/verify/trace_observer.h"

#include <algorithm>
#include <cmath>

namespace ttt {
namespace {

bool inside(std::string_view path, std::string_view block) {
  return path.size() > block.size() && path.starts_with(block) && path[block.size()] == '.';
}

// Whether y = before + product up to the rounding of the sum; with an empty `before`, whether y = product.
bool is_sum(const std::vector<float>& y, const std::vector<float>& before, const std::vector<float>& product) {
  if (product.size() != y.size() || (!before.empty() && before.size() != y.size())) return false;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const float b = before.empty() ? 0 : before[i], sum = b + product[i];
    const bool same = std::fabs(y[i] - sum) <= 1e-5f * (std::fabs(b) + std::fabs(product[i]));
    if (!same && !(std::isnan(y[i]) && std::isnan(sum)) && y[i] != sum) return false;
  }
  return true;
}

}  // namespace

void TraceObserver::done(const Place& place, TensorView y) {
  if (y.format != Format::kF32 || y.shape.rank() == 0) return;
  Written w{.path = std::string(place.path), .y = testing::copy_of(y), .width = y.dim(y.shape.rank() - 1)};
  if (blocks_.contains(place.path)) {
    if (const auto at = buffers_.find(y.data); at != buffers_.end() && at->second.size() == w.y.size()) {
      w.before = at->second;
    }
    add_block(std::move(w));
    buffers_[y.data] = written_.back().y;
  } else {
    written_.push_back(std::move(w));
  }
}

void TraceObserver::add_block(Written block) {
  if (!written_.empty() && inside(written_.back().path, block.path)) {
    std::vector<float>& last = written_.back().y;
    if (is_sum(block.y, {}, last)) {
      block.before.clear();
      written_.pop_back();
    } else if (!block.before.empty() && is_sum(block.y, block.before, last)) {
      block.product = std::move(last);
      written_.pop_back();
    }
  }
  written_.push_back(std::move(block));
}

}  // namespace ttt
