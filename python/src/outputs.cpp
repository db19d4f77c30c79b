#include "python/src/outputs.h"

#include <algorithm>
#include <bit>
#include <deque>
#include <numeric>

#include "base/error.h"
#include "runtime/image_rows.h"
#include "state/state_layout.h"

namespace ttt::python {
namespace {

std::int64_t length_of(std::span<const std::int32_t> ids) { return static_cast<std::int64_t>(ids.size()); }

// Runners are made for lengths of a few kinds, so that the next call finds one that fits.
std::int64_t rounded_up(std::int64_t n, std::int64_t most) {
  return std::min<std::int64_t>(most, static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(n))));
}

void check(const PyModel& m, const OutputRequest& r) {
  const std::int64_t rows = length_of(r.ids), context = m.context();
  require(rows > 0, ErrorKind::kUsage, "a sequence wanted at least one token, got none");
  require(rows <= context, ErrorKind::kUsage, "a sequence wanted at most ", context, " tokens (the context), got ",
          rows);
  require(r.last >= 1 && r.last <= rows, ErrorKind::kUsage, "last wanted 1 to ", rows, " (the tokens), got ", r.last);
  require(r.types.empty() || r.types.size() == r.ids.size(), ErrorKind::kUsage, "token_types wanted ", rows,
          " values (the tokens), got ", r.types.size());
  require(m.model().has_encoder() == !r.source.empty(), ErrorKind::kUsage,
          m.model().has_encoder() ? "an encoder-decoder wanted the ids that its encoder reads (source)"
                                  : "a source wanted a model with an encoder and a decoder, got one without");
}

// Steps of several sequences, each whole in its step.
class Steps {
 public:
  Steps(Runner& runner, std::int64_t together, std::span<float> outputs)
      : runner_(runner), together_(together), outputs_(outputs) {}

  void add(const OutputRequest& r) {
    const RunnerConfig& config = runner_.config();
    if (length_of(r.ids) > config.chunk || r.last > config.wanted) return add_long(r);
    const bool full = std::ssize(entries_) == together_ || rows_ + length_of(r.ids) > config.chunk ||
                      std::ssize(wanted_) + r.last > config.wanted;
    if (full) run();
    Sequence& sequence = begin(r);
    entries_.push_back({.sequence = &sequence, .rows = length_of(r.ids), .token_types = r.types});
    ids_.insert(ids_.end(), r.ids.begin(), r.ids.end());
    rows_ += length_of(r.ids);
    const bool classes = runner_.model().output() == OutputKind::kClasses;
    const std::int64_t end = classes ? rows_ - length_of(r.ids) + 1 : rows_;
    for (std::int64_t row = end - r.last; row < end; ++row) wanted_.push_back(row);
  }

  void run() {
    if (entries_.empty()) return;
    runner_.step(entries_, ids_, wanted_, take(wanted_.size()));
    entries_.clear();
    ids_.clear();
    wanted_.clear();
    sequences_.clear();
    rows_ = 0;
  }

 private:
  Sequence& begin(const OutputRequest& r) {
    Sequence& sequence = sequences_.emplace_back(runner_.create());
    if (!r.source.empty()) runner_.encode(sequence, r.source);
    return sequence;
  }

  void add_long(const OutputRequest& r) {
    run();
    require(r.types.empty(), ErrorKind::kUsage, "token_types wanted a sequence of one step, of at most ",
            runner_.config().chunk, " tokens, got ", r.ids.size());
    runner_.extend(begin(r), r.ids, length_of(r.ids) - r.last, take(static_cast<std::size_t>(r.last)));
    sequences_.clear();
  }

  std::span<float> take(std::size_t rows) {
    const std::size_t count = rows * static_cast<std::size_t>(runner_.output_size());
    const std::span<float> part = outputs_.subspan(written_, count);
    written_ += count;
    return part;
  }

  Runner& runner_;
  std::int64_t together_;
  std::span<float> outputs_;
  std::size_t written_ = 0;
  std::deque<Sequence> sequences_;
  std::vector<StepEntry> entries_;
  std::vector<std::int32_t> ids_;
  std::vector<std::int64_t> wanted_;
  std::int64_t rows_ = 0;
};

}  // namespace

OwnedFloats outputs_of(PyModel& m, std::span<const OutputRequest> requests) {
  std::int64_t longest = 1, wanted = 0;
  for (const OutputRequest& r : requests) {
    check(m, r);
    longest = std::max(longest, length_of(r.ids));
    wanted += r.last;
  }
  constexpr std::int64_t kTogether = 16;
  const std::int64_t together = m.taps() ? 1 : std::clamp<std::int64_t>(std::ssize(requests), 1, kTogether);
  const std::int64_t context = rounded_up(longest, m.context());
  Lease lease;
  if (whole_sequences(m.loaded().tree().states)) {
    lease = m.whole_runner(together, context);
  } else if (together == 1) {
    lease = m.decoding_runner();
  } else {
    lease = m.batch_runner(together, context);
  }
  OwnedFloats outputs(wanted * m.model().output_size());
  Steps steps(*lease, together, outputs.span());
  for (const OutputRequest& r : requests) steps.add(r);
  steps.run();
  return outputs;
}

OwnedFloats outputs_of_image(PyModel& m, std::span<const std::int64_t> shape, std::span<const float> pixels,
                             std::int64_t& rows) {
  const ImageRows image = image_rows(m.checkpoint().config(), m.checkpoint().config_where(), shape, pixels);
  const std::int64_t takes = m.model().input_size();
  require(takes == image.width, ErrorKind::kUsage, "pixels wanted a model that takes rows of ", image.width,
          " values, got ", takes == 0 ? std::string("one that takes tokens") : text(takes));
  const Lease lease = m.whole_runner(1, image.rows);
  Sequence sequence = lease->create();
  rows = m.model().output() == OutputKind::kClasses ? 1 : image.rows;
  std::vector<std::int64_t> wanted(static_cast<std::size_t>(rows));
  std::iota(wanted.begin(), wanted.end(), 0);
  const StepEntry entry{
      .sequence = &sequence, .rows = image.rows, .given = view_of(image.values.data(), {image.rows, image.width})};
  OwnedFloats outputs(rows * m.model().output_size());
  lease->step({&entry, 1}, {}, wanted, outputs.span());
  return outputs;
}

}  // namespace ttt::python
