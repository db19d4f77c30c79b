#include "testing/block_runner.h"

#include <chrono>
#include <numeric>

#include "base/error.h"

namespace ttt::testing {
namespace {

// A pool that keeps nothing is still asked for room.
std::vector<StateSpec> states_of(const Subject& s) {
  return s.states.empty() ? std::vector<StateSpec>{{.heads = 1, .key_dim = 1, .value_dim = 1}} : s.states;
}

std::int64_t checked_rows(const Values& x, const Subject& s) {
  require(s.forward != nullptr && s.width > 0, ErrorKind::kUsage,
          "what is run wanted a forward and a positive width of its rows, got width ", s.width);
  require(x.rows() > 0, ErrorKind::kUsage, "an input wanted at least one row, got none");
  return x.rows();
}

}  // namespace

BlockRunner::BlockRunner(Subject subject, Values x, std::int64_t threads)
    : subject_(std::move(subject)),
      x_(std::move(x)),
      ids_(x_.ids),
      wanted_(static_cast<std::size_t>(checked_rows(x_, subject_))),
      y_(wanted_.size() * static_cast<std::size_t>(subject_.width)),
      state_(states_of(subject_), {.context = x_.rows(), .chunk = x_.rows()}),
      builder_(state_, x_.rows(), 1),
      threads_(threads) {
  ids_.resize(wanted_.size());
  std::iota(wanted_.begin(), wanted_.end(), 0);
  Scratch planned = Scratch::planned();
  Exec exec(threads_, planned, self_communicator(), observer_, Exec::Mode::kPlan);
  Sequence sequence = state_.create();
  forward(exec, builder_, sequence);
  scratch_.emplace(planned.peak());
}

void BlockRunner::forward(Exec& exec, StepBuilder& builder, Sequence& sequence) {
  const std::int64_t rows = x_.rows();
  const StepEntry entry{.sequence = &sequence, .rows = rows};
  const Step step = builder.prepare({&entry, 1}, ids_, wanted_);
  const TensorView y = view_of(y_.data(), {rows, subject_.width});
  const auto begin = std::chrono::steady_clock::now();
  subject_.forward(exec, step, x_.view(), y);
  seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::vector<float> BlockRunner::run() {
  Exec exec(threads_, *scratch_, self_communicator(), observer_);
  Sequence sequence = state_.create();
  forward(exec, builder_, sequence);
  return y_;
}

}  // namespace ttt::testing
