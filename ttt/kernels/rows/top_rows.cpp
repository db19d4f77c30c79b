#include "kernels/rows/top_rows.h"

#include <algorithm>
#include <cmath>

namespace ttt::kernels {
namespace {

bool better(const TopEntry& a, const TopEntry& b) {
  const bool a_nan = std::isnan(a.value), b_nan = std::isnan(b.value);
  if (a_nan || b_nan) return a_nan && (!b_nan || a.id < b.id);
  return a.value > b.value || (a.value == b.value && a.id < b.id);
}

// The best `capacity` entries that were offered, in memory of the caller's: a heap with the worst on top.
class Best {
 public:
  Best(TopEntry* memory, std::int64_t capacity) : begin_(memory), end_(memory), capacity_(memory + capacity) {}

  void offer(const TopEntry& entry) {
    if (end_ < capacity_) {
      *end_++ = entry;
      std::push_heap(begin_, end_, better);
    } else if (begin_ < end_ && better(entry, *begin_)) {
      std::pop_heap(begin_, end_, better);
      end_[-1] = entry;
      std::push_heap(begin_, end_, better);
    }
  }
  void sort() { std::sort_heap(begin_, end_, better); }

 private:
  TopEntry *begin_, *end_, *capacity_;
};

}  // namespace

void top_rows(Exec& exec, const TopRowsArgs& args) noexcept {
  exec.threads.parallel_for(args.x.dim(0), [&](std::int64_t r) {
    const float* x = args.x.row<float>(r);
    Best best(args.y + r * args.k, args.k);
    for (std::int64_t i = 0; i < args.x.dim(1); ++i) best.offer({x[i], static_cast<std::int32_t>(args.first_id + i)});
    best.sort();
  });
}

double operations(const TopRowsArgs& args) { return static_cast<double>(args.x.shape.elements()); }
double bytes(const TopRowsArgs& args) { return 4.0 * static_cast<double>(args.x.shape.elements()); }

void merge_top(Exec& exec, const MergeTopArgs& args) noexcept {
  const std::int64_t rows = args.values.dim(0), k = args.k;
  exec.threads.parallel_for(rows, [&](std::int64_t r) {
    TopEntry* work = args.work + r * k;
    Best best(work, k);
    const TopEntry* part = args.candidates;
    for (const std::int64_t columns : args.columns) {
      const std::int64_t count = std::min(k, columns);
      for (std::int64_t i = 0; i < count; ++i) best.offer(part[r * count + i]);
      part += rows * count;
    }
    best.sort();
    for (std::int64_t i = 0; i < k; ++i) {
      args.ids[static_cast<std::size_t>(r * k + i)] = work[i].id;
      args.values.row<float>(r)[i] = work[i].value;
    }
  });
}

double operations(const MergeTopArgs& args) {
  return static_cast<double>(args.values.shape.elements()) * static_cast<double>(args.columns.size());
}
double bytes(const MergeTopArgs& args) { return 8.0 * operations(args) + 8.0 * static_cast<double>(args.ids.size()); }

}  // namespace ttt::kernels
