#include "kernels/attention/attend_full.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/formats/stored_value.h"

namespace ttt::kernels {
namespace {

std::int64_t longest(const AttendArgs& args) {
  std::int64_t n = 0;
  for (const std::int32_t seq : args.seqs) n = std::max(n, stored_rows(args, seq));
  return n;
}

// x . row `j` of the sequence
template <class Real>
Real product(const float* x, const RowsView& rows, std::int64_t seq, std::int64_t j, std::int64_t head,
             std::int64_t dims) {
  const std::int32_t page = rows.page_of(seq, j);
  Real sum = 0;
  for (std::int64_t d = 0; d < dims; ++d) {
    sum += static_cast<Real>(x[d]) * stored_value<Real>(rows, page, head, j % rows.page_rows, d);
  }
  return sum;
}

// What the scores of row `row` of the sequence gain at key `j`.
template <class Real>
Real bias_of(const AttendArgs& args, std::int64_t seq, std::int64_t row, std::int64_t head, std::int64_t j) {
  const std::size_t s = static_cast<std::size_t>(seq);
  const std::int64_t distance = j - args.batch.past[s] - row;
  Real bias = 0;
  if (!args.rule.slopes.empty()) {
    bias += static_cast<Real>(args.rule.slopes[static_cast<std::size_t>(head)]) * static_cast<Real>(distance);
  }
  if (!args.rule.buckets.empty()) {
    const std::int64_t reach = static_cast<std::int64_t>(args.rule.buckets.size()) / 2;
    const std::int64_t at = std::clamp(distance, -reach, reach) + reach;
    bias += static_cast<Real>(args.rule.bucket_bias.row<float>(args.rule.buckets[static_cast<std::size_t>(at)])[head]);
  }
  if (!args.masks.empty() && args.masks[s]) bias += static_cast<Real>(args.masks[s].row<float>(row)[j]);
  return bias;
}

template <class Real>
void attend_query(const AttendArgs& args, std::int64_t seq, std::int64_t row, std::int64_t head, Real* p, Real* mix) {
  const std::size_t s = static_cast<std::size_t>(seq);
  const std::int64_t r = args.batch.row_begin[s] + row, index = args.batch.past[s] + row;
  const std::int64_t kv = (args.slice.first_head + head) / args.slice.group - args.slice.first_kv;
  const SeenRows seen = seen_rows(args.visible, index, stored_rows(args, seq));
  const auto sees = [&](std::int64_t j) { return j < seen.pinned || j >= seen.begin; };
  const float* q = args.q.row<float>(r) + head * args.key_dim;
  const RowsView &keys = args.state.keys, &values = args.state.values;
  const Real cap = static_cast<Real>(args.rule.soft_cap);
  Real highest = args.rule.sinks.empty() ? -std::numeric_limits<Real>::infinity()
                                         : static_cast<Real>(args.rule.sinks[static_cast<std::size_t>(head)]);
  for (std::int64_t j = 0; j < seen.end; ++j) {
    if (!sees(j)) continue;
    Real score = product<Real>(q, keys, seq, j, kv, args.key_dim);
    if (args.latent) {
      score += product<Real>(args.latent.row<float>(r) + head * args.value_dim, values, seq, j, kv, args.value_dim);
    }
    score *= static_cast<Real>(args.rule.scale);
    if (cap > 0) score = cap * std::tanh(score / cap);
    p[j] = score + bias_of<Real>(args, seq, row, head, j);
    highest = std::max(highest, p[j]);
  }
  highest = std::max(highest, static_cast<Real>(-3.0e38f));  // where a mask hides everything
  Real sum = args.rule.sinks.empty()
                 ? Real{0}
                 : std::exp(static_cast<Real>(args.rule.sinks[static_cast<std::size_t>(head)]) - highest);
  std::fill(mix, mix + args.value_dim, Real{0});
  for (std::int64_t j = 0; j < seen.end; ++j) {
    if (!sees(j)) continue;
    const Real weight = std::exp(p[j] - highest);
    sum += weight;
    for (std::int64_t d = 0; d < args.value_dim; ++d) {
      mix[d] += weight * stored_value<Real>(values, values.page_of(seq, j), kv, j % values.page_rows, d);
    }
  }
  float* o = args.o.row<float>(r) + head * args.value_dim;
  for (std::int64_t d = 0; d < args.value_dim; ++d) o[d] = static_cast<float>(sum > 0 ? mix[d] / sum : Real{0});
}

}  // namespace

template <class Real>
void attend_full(Exec& exec, const AttendArgs& args) noexcept {
  const std::int64_t threads = exec.threads.size(), rows = longest(args), heads = args.slice.heads;
  exec.threads.parallel_for(threads, [&](std::int64_t thread) {
    Real* p = reinterpret_cast<Real*>(args.scratch.data()) + thread * (rows + args.value_dim);
    std::int64_t item = 0;
    for (const std::int32_t seq : args.seqs) {
      const std::size_t s = static_cast<std::size_t>(seq);
      const std::int64_t queries = (args.batch.row_begin[s + 1] - args.batch.row_begin[s]) * heads;
      for (std::int64_t i = 0; i < queries; ++i, ++item) {
        if (item % threads == thread) attend_query<Real>(args, seq, i / heads, i % heads, p, p + rows);
      }
    }
  });
}

template <class Real>
std::int64_t attend_full_scratch(const AttendArgs& args, std::int64_t threads) noexcept {
  return threads * (longest(args) + args.value_dim) * static_cast<std::int64_t>(sizeof(Real));
}

template void attend_full<float>(Exec&, const AttendArgs&) noexcept;
template void attend_full<double>(Exec&, const AttendArgs&) noexcept;
template std::int64_t attend_full_scratch<float>(const AttendArgs&, std::int64_t) noexcept;
template std::int64_t attend_full_scratch<double>(const AttendArgs&, std::int64_t) noexcept;

}  // namespace ttt::kernels
