#include <algorithm>

#include "base/error.h"
#include "collectives/gather.h"
#include "heads/lm_head.h"
#include "kernels/rows/rows.h"

namespace ttt {
namespace {

constexpr std::int64_t kBytes = sizeof(kernels::TopEntry);

kernels::TopEntry* take(Scratch::Frame& frame, std::int64_t entries) {
  return reinterpret_cast<kernels::TopEntry*>(frame.take_bytes(entries * kBytes));
}

}  // namespace

const kernels::TopEntry* LMHead::keep_candidates(const Plan&, Exec&, Scratch::Frame&, const kernels::TopEntry* mine,
                                                 std::int64_t, std::int64_t) {
  return mine;
}

const kernels::TopEntry* LMHead::exchange_candidates(const Plan& plan, Exec& exec, Scratch::Frame& frame,
                                                     const kernels::TopEntry* mine, std::int64_t rows, std::int64_t k) {
  std::int64_t all = 0;
  for (const std::int64_t part : plan.linear.outputs()) all += rows * std::min(k, part);
  kernels::TopEntry* candidates = take(frame, all);
  launch_all_gather(exec, {.mine = reinterpret_cast<const std::byte*>(mine),
                           .counts = plan.linear.outputs(),
                           .limit = k,
                           .entry_bytes = rows * kBytes,
                           .all = reinterpret_cast<std::byte*>(candidates)});
  return candidates;
}

void LMHead::forward_top(Exec& exec, ConstTensorView x, std::span<const std::int64_t> wanted, std::int64_t k,
                         std::span<std::int32_t> ids, TensorView values) const {
  const std::int64_t rows = static_cast<std::int64_t>(wanted.size());
  const std::string_view who = plan_.place.path;
  require(k >= 1 && k <= plan_.vocab_size, ErrorKind::kUsage, "[", who, "] k wanted 1 to ", plan_.vocab_size, ", got ",
          k);
  const Shape result{rows, k};
  require(values.shape == result && static_cast<std::int64_t>(ids.size()) == rows * k, ErrorKind::kInternal, "[", who,
          "] values wanted ", result.to_string(), " and ids ", rows * k, ", got ", values.shape.to_string(), " and ",
          ids.size());
  check_input(x);
  Scratch::Frame frame(exec.scratch);
  const std::int64_t part = plan_.linear.part(), own = std::min(k, part);
  kernels::TopEntry* mine = take(frame, rows * own);
  {
    Scratch::Frame inner(exec.scratch);
    const TensorView picked = inner.take({rows, plan_.hidden_dim}), logits = inner.take({rows, part});
    exec.launch(kernels::gather_rows, kernels::GatherRowsArgs{.x = x, .index = wanted, .y = picked});
    plan_.linear.forward_part(exec, picked, {.y = logits, .activate = plan_.scale_and_cap, .params = plan_.params});
    exec.launch(kernels::top_rows, {.x = logits, .first_id = plan_.linear.first(), .k = own, .y = mine});
  }
  exec.launch(kernels::merge_top, {.candidates = plan_.exchange(plan_, exec, frame, mine, rows, k),
                                   .columns = plan_.linear.outputs(),
                                   .k = k,
                                   .work = take(frame, rows * k),
                                   .ids = ids,
                                   .values = values});
  exec.done(plan_.place, values);
}

}  // namespace ttt
