#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <ostream>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/exec.h"
#include "collectives/self.h"
#include "kernels/attention/attend.h"
#include "kernels/attention/store_rows.h"
#include "state/step_builder.h"

// Attention kernels on sequences of random queries, keys and values, fed in any chunks.
namespace ttt::support {

inline std::vector<float> random_values(std::int64_t n, std::uint32_t seed, float scale = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> x(static_cast<std::size_t>(n));
  for (float& v : x) v = normal(random);
  return x;
}

// The parts of an Exec.
struct Runner {
  explicit Runner(std::int64_t thread_count, Communicator& communicator = self_communicator())
      : threads(thread_count), scratch(std::int64_t{1} << 26), exec(threads, scratch, communicator, observer) {}
  ThreadPool threads;
  Scratch scratch;
  NoObserver observer;
  Exec exec;
};

struct AttendCase {
  std::string name = {};
  std::int64_t heads = 4, kv_heads = 2, key_dim = 16, value_dim = 16;
  Visible visible = {};
  std::int64_t page_rows = 16;
  Format state = Format::kF32;
  float soft_cap = 0;
  bool slopes = false, sinks = false;
  bool buckets = false, masks = false, latent = false;
  std::vector<std::int64_t> lengths = {37};  // of the sequences
  std::int64_t key_block = 128, query_block = 60;
  kernels::HeadSlice slice = {};  // heads 0: all
};
inline std::ostream& operator<<(std::ostream& out, const AttendCase& c) { return out << c.name; }

struct AttendChoice {
  IsaLevel level = IsaLevel::kSse2;
  kernels::ScoreAlgorithm algorithm = kernels::ScoreAlgorithm::kFlash;
  std::int64_t threads = 1;
  bool many_only = false;  // one-row sequences too go through the kernel for several rows
};

// Feeds every sequence in chunks of at most `chunk` rows, all sequences in the same steps, and returns the outputs
// [sequence][row][heads * value_dim] back to back.
class AttendRun {
 public:
  explicit AttendRun(AttendCase c) : case_(std::move(c)) {
    if (case_.slice.heads == 0) {
      case_.slice = {.heads = case_.heads, .kv_heads = case_.kv_heads, .group = case_.heads / case_.kv_heads};
    }
    std::int64_t begin = 0;
    for (const std::int64_t n : case_.lengths) {
      begin_.push_back(begin);
      begin += n;
      longest_ = std::max(longest_, n);
    }
    rows_ = begin;
    const std::int64_t heads = case_.slice.heads, kv = case_.slice.kv_heads;
    q_ = random_values(rows_ * heads * case_.key_dim, 1);
    k_ = random_values(rows_ * kv * case_.key_dim, 2, 1.5f);
    v_ = random_values(rows_ * kv * case_.value_dim, 3);
    slopes_ = random_values(heads, 4, 0.1f);
    sinks_ = random_values(heads, 5);
    latent_ = random_values(rows_ * heads * case_.value_dim, 6);
    bucket_bias_ = random_values(kBuckets * heads, 7);
    for (std::int64_t d = -kReach; d <= kReach; ++d) buckets_.push_back(static_cast<std::int32_t>((d + kReach) % 7));
    mask_ = random_values(longest_ * longest_, 8);
    for (std::size_t i = 0; i < mask_.size(); i += 5) mask_[i] = -std::numeric_limits<float>::infinity();
  }

  std::vector<float> operator()(const AttendChoice& choice, std::int64_t chunk) const {
    const std::int64_t heads = case_.slice.heads, kv = case_.slice.kv_heads;
    StatePool pool({{.heads = kv,
                     .key_dim = case_.key_dim,
                     .value_dim = case_.value_dim,
                     .format = case_.state,
                     .visible = case_.visible}},
                   {.sequences = static_cast<std::int64_t>(case_.lengths.size()),
                    .context = longest_,
                    .page_rows = case_.page_rows,
                    .chunk = std::min(chunk, longest_)});
    StepBuilder builder(pool, rows_, static_cast<std::int64_t>(case_.lengths.size()));
    std::vector<Sequence> sequences;
    for (std::size_t i = 0; i < case_.lengths.size(); ++i) sequences.push_back(pool.create());
    Runner runner(choice.threads);
    std::vector<float> out(static_cast<std::size_t>(rows_ * heads * case_.value_dim), -7.0f);
    for (bool more = true; more;) {
      std::vector<StepEntry> entries;
      std::vector<std::int64_t> source;  // row of the inputs, by row of the step
      for (std::size_t i = 0; i < sequences.size(); ++i) {
        const std::int64_t past = sequences[i].length(), n = std::min(chunk, case_.lengths[i] - past);
        if (n == 0) continue;
        entries.push_back({&sequences[i], n});
        for (std::int64_t r = 0; r < n; ++r) source.push_back(begin_[i] + past + r);
      }
      more = !entries.empty();
      if (more) step(choice, runner, builder, entries, source, out);
    }
    return out;
  }

  std::int64_t rows() const { return rows_; }
  const AttendCase& attend_case() const { return case_; }

 private:
  static std::vector<float> pick(const std::vector<float>& x, std::int64_t width, std::span<const std::int64_t> rows) {
    std::vector<float> y;
    for (const std::int64_t r : rows) y.insert(y.end(), x.begin() + r * width, x.begin() + (r + 1) * width);
    return y;
  }

  void step(const AttendChoice& choice, Runner& runner, StepBuilder& builder, std::span<const StepEntry> entries,
            std::span<const std::int64_t> source, std::vector<float>& out) const {
    const std::int64_t heads = case_.slice.heads, kv = case_.slice.kv_heads;
    const std::int64_t rows = static_cast<std::int64_t>(source.size());
    std::vector<float> q = pick(q_, heads * case_.key_dim, source), k = pick(k_, kv * case_.key_dim, source);
    std::vector<float> v = pick(v_, kv * case_.value_dim, source);
    std::vector<float> o(static_cast<std::size_t>(rows * heads * case_.value_dim), -9.0f);
    const std::vector<std::int32_t> ids(static_cast<std::size_t>(rows), 0);
    const Step s = builder.prepare(entries, ids);
    const DeviceTraits traits{.features = features_of(choice.level)};
    float no_table = 0;
    runner.exec.launch(kernels::select_store_rows(traits, case_.state, false),
                       {.q = view_of(q.data(), {rows, heads * case_.key_dim}),
                        .k = view_of(k.data(), {rows, kv * case_.key_dim}),
                        .v = view_of(v.data(), {rows, kv * case_.value_dim}),
                        .table = view_of(&no_table, {rows, 0}),
                        .heads = heads,
                        .kv_heads = kv,
                        .key_dim = case_.key_dim,
                        .value_dim = case_.value_dim,
                        .batch = s.batch,
                        .state = s.states[0]});
    kernels::AttendArgs args{.q = view_of(q.data(), {rows, heads * case_.key_dim}),
                             .o = view_of(o.data(), {rows, heads * case_.value_dim}),
                             .batch = s.batch,
                             .seqs = s.batch.many,
                             .state = s.states[0],
                             .slice = case_.slice,
                             .key_dim = case_.key_dim,
                             .value_dim = case_.value_dim,
                             .visible = case_.visible,
                             .rule = {.scale = 0.3f, .soft_cap = case_.soft_cap},
                             .blocks = {.query_block = case_.query_block, .key_block = case_.key_block}};
    kernels::ScoreRule& rule = args.rule;
    if (case_.sinks) rule.sinks = sinks_;
    if (case_.slopes) rule.slopes = slopes_;
    if (case_.buckets) rule.buckets = buckets_, rule.bucket_bias = view_of(bucket_bias_.data(), {kBuckets, heads});
    std::vector<float> latent = pick(latent_, heads * case_.value_dim, source);
    if (case_.latent) args.latent = view_of(latent.data(), {rows, heads * case_.value_dim});
    std::vector<ConstTensorView> masks;
    for (std::int64_t i = 0; case_.masks && i < s.batch.seqs(); ++i) {
      const std::size_t at = static_cast<std::size_t>(i);
      const std::int64_t past = s.batch.past[at], more = s.batch.row_begin[at + 1] - s.batch.row_begin[at];
      masks.push_back(view_of(mask_.data() + past * longest_, {more, past + more}));
      masks.back().row_bytes = longest_ * static_cast<std::int64_t>(sizeof(float));
    }
    args.masks = masks;
    const auto run = [&](const kernels::AttendKernel& kernel) {
      std::vector<float> scratch(static_cast<std::size_t>(kernel.scratch(args, runner.threads.size()) / 4 + 16), 1e30f);
      args.scratch = std::as_writable_bytes(std::span(scratch));
      runner.exec.launch(kernel.run, args);
    };
    run(kernels::select_attend_many(traits, choice.algorithm, case_.state));
    args.seqs = s.batch.one;
    run(choice.many_only ? kernels::select_attend_many(traits, choice.algorithm, case_.state)
                         : kernels::select_attend_one(traits, choice.algorithm, case_.state));
    builder.commit();
    const std::int64_t width = heads * case_.value_dim;
    for (std::int64_t r = 0; r < rows; ++r) {
      std::copy_n(o.begin() + r * width, width, out.begin() + source[static_cast<std::size_t>(r)] * width);
    }
  }

  AttendCase case_;
  std::vector<std::int64_t> begin_;
  std::int64_t rows_ = 0, longest_ = 0;
  static constexpr std::int64_t kBuckets = 7, kReach = 30;
  std::vector<float> q_, k_, v_, slopes_, sinks_, latent_, bucket_bias_;
  mutable std::vector<float> mask_;  // [longest, longest]
  std::vector<std::int32_t> buckets_;
};

}  // namespace ttt::support
