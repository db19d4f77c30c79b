#include "testing/block_runner.h"

#include <algorithm>
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

BlockRunner::BlockRunner(Subject subject, Values x, std::int64_t threads, Values source)
    : subject_(std::move(subject)),
      x_(std::move(x)),
      source_(std::move(source)),
      ids_(x_.ids),
      wanted_(static_cast<std::size_t>(checked_rows(x_, subject_))),
      y_(wanted_.size() * static_cast<std::size_t>(subject_.width)),
      state_(states_of(subject_), {.context = x_.rows(), .chunk = x_.rows()}),
      builder_(state_, std::max(x_.rows(), source_.rows()), 1),
      threads_(threads) {
  require(source_.rows() == 0 ? !subject_.store : source_.width == subject_.source_width, ErrorKind::kUsage,
          "a source wanted rows of width ", subject_.source_width, ", got ", source_.rows(), " of ", source_.width);
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
  if (subject_.store) {
    const StepEntry other{.sequence = &sequence, .rows = source_.rows()};
    subject_.store(exec, builder.prepare_source({&other, 1}), source_.view());
    builder.commit();
  }
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
