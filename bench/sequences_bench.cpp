// What attention costs for each sequence of a step, for 1 to 512 sequences: a constant where a step's cost is linear in
// their number. `decode`: one new row for each sequence of `context` rows. `prompts`: sequences that begin with
// `prompt` rows. The shape is that of a model of 1 billion parameters: 32 heads, 8 of keys and values, of width 64.
//   sequences_bench [threads [context [prompt]]]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "base/exec.h"
#include "collectives/self.h"
#include "kernels/attention/attend.h"
#include "state/step_builder.h"

namespace ttt {
namespace {

constexpr std::int64_t kHeads = 32, kKvHeads = 8, kWidth = 64, kMost = 512;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Median seconds of attention over `rows` new rows of each of `count` sequences that have `past` rows.
double measure(Exec& exec, std::int64_t count, std::int64_t past, std::int64_t rows) {
  const std::vector<StateSpec> slots{
      {.heads = kKvHeads, .key_dim = kWidth, .value_dim = kWidth, .format = Format::kBF16}};
  StatePool pool(slots, {.sequences = count, .context = past + rows});
  StepBuilder builder(pool, std::max(count * rows, past), count);
  const std::vector<std::int32_t> ids(static_cast<std::size_t>(std::max(count * rows, past)), 0);
  const auto first = [&](std::int64_t n) { return std::span(ids).first(static_cast<std::size_t>(n)); };
  std::vector<Sequence> sequences;
  std::vector<StepEntry> entries;
  for (std::int64_t s = 0; s < count; ++s) sequences.push_back(pool.create());
  for (Sequence& s : sequences) {
    const StepEntry entry{.sequence = &s, .rows = past};
    if (past > 0) {
      builder.prepare({&entry, 1}, first(past));
      builder.commit();
    }
    entries.push_back({.sequence = &s, .rows = rows});
  }
  const Step step = builder.prepare(entries, first(count * rows));
  for (const RowsView& view : {step.states[0].keys, step.states[0].values}) {
    for (std::int64_t s = 0; s < count; ++s) {
      for (std::int64_t i = 0; i < past + rows; ++i) {
        for (std::int64_t h = 0; h < kKvHeads; ++h) {
          std::memset(view.row(view.page_of(s, i), h, i % view.page_rows), 0x3c, 2 * kWidth);  // 0.0115 as bf16
        }
      }
    }
  }
  std::vector<float> q(static_cast<std::size_t>(count * rows * kHeads * kWidth), 0.1f), o(q.size());
  const Shape shape{count * rows, kHeads * kWidth};
  kernels::AttendArgs args{
      .q = view_of(static_cast<const float*>(q.data()), shape),
      .o = view_of(o.data(), shape),
      .batch = step.batch,
      .seqs = rows == 1 ? step.batch.one : step.batch.many,
      .state = step.states[0],
      .slice = {.heads = kHeads, .kv_heads = kKvHeads, .group = kHeads / kKvHeads},
      .key_dim = kWidth,
      .value_dim = kWidth,
      .rule = {.scale = 0.125f},
  };
  const auto select = rows == 1 ? kernels::select_attend_one : kernels::select_attend_many;
  const kernels::AttendKernel kernel = select(query_device_traits(), kernels::ScoreAlgorithm::kFlash, Format::kBF16);
  Buffer scratch(kernel.scratch(args, exec.threads.size()));
  args.scratch = {scratch.data(), static_cast<std::size_t>(scratch.size())};
  std::vector<double> seconds;
  for (const double end = now() + 0.4; seconds.size() < 5 || (seconds.size() < 200 && now() < end);) {
    const double begin = now();
    kernel.run(exec, args);
    seconds.push_back(now() - begin);
  }
  std::ranges::nth_element(seconds, seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2));
  return seconds[seconds.size() / 2];
}

int run(std::int64_t threads, std::int64_t context, std::int64_t prompt) {
  ThreadPool pool(threads);
  Scratch scratch(0);
  NoObserver observer;
  Exec exec(pool, scratch, self_communicator(), observer);
  std::printf("sequences   decode at %lld rows   prompts of %lld rows   (us for each sequence)\n",
              static_cast<long long>(context), static_cast<long long>(prompt));
  for (std::int64_t n = 1; n <= kMost; n *= 2) {
    const double each = 1e6 / static_cast<double>(n);
    std::printf("%9lld   %19.2f   %20.2f\n", static_cast<long long>(n), each * measure(exec, n, context - 1, 1),
                each * measure(exec, n, 0, prompt));
  }
  return 0;
}

}  // namespace
}  // namespace ttt

int main(int argc, char** argv) try {
  const auto argument = [&](int i, long long absent) { return argc > i ? std::atoll(argv[i]) : absent; };
  return ttt::run(argument(1, 1), argument(2, 256), argument(3, 8));
} catch (const ttt::Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return static_cast<int>(e.kind());
}
