// Runs an encoder of a family outside the library's tree: two texts of ids in one step, the mean of each one's states.
// The weights are made up. A text's result must not depend on what else is in the step.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "collectives/self.h"
#include "runtime/random_source.h"
#include "runtime/runner.h"
#include "tiny_encoder.h"

namespace {

constexpr std::string_view kConfig = R"({"model_type": "tiny_encoder", "vocab_size": 50, "hidden_size": 64,
    "num_heads": 4, "ffn_size": 96, "num_layers": 2, "max_rows": 32, "distance": 3})";

// The mean state of each text; an encoder takes a text whole, in one step.
std::vector<std::vector<float>> means(ttt::Runner& runner, std::span<const std::vector<std::int32_t>> texts) {
  std::vector<ttt::Sequence> sequences;
  std::vector<std::int32_t> ids;
  for (const auto& text : texts) {
    sequences.push_back(runner.create());
    ids.insert(ids.end(), text.begin(), text.end());
  }
  std::vector<ttt::StepEntry> entries;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    entries.push_back({.sequence = &sequences[i], .rows = static_cast<std::int64_t>(texts[i].size())});
  }
  std::vector<std::int64_t> wanted(ids.size());
  std::iota(wanted.begin(), wanted.end(), 0);
  const std::span<const float> states = runner.step(entries, ids, wanted);
  const auto width = static_cast<std::size_t>(runner.output_size());
  std::vector<std::vector<float>> all;
  std::size_t row = 0;
  for (const auto& text : texts) {
    std::vector<float> mean(width);
    for (std::size_t i = 0; i < text.size(); ++i, ++row) {
      for (std::size_t c = 0; c < width; ++c) mean[c] += states[row * width + c] / static_cast<float>(text.size());
    }
    all.push_back(std::move(mean));
  }
  return all;
}

float cosine(const std::vector<float>& a, const std::vector<float>& b) {
  const auto dot = [](const auto& x, const auto& y) { return std::inner_product(x.begin(), x.end(), y.begin(), 0.0f); };
  return dot(a, b) / std::sqrt(dot(a, a) * dot(b, b));
}

}  // namespace

int main() try {
  ttt::LoadOptions options{.traits = ttt::query_device_traits(), .context = 32};
  ttt::ThreadPool threads(options.traits.cores);
  options.parallel_for = threads;
  ttt::RandomSource weights(ttt::Format::kF32, options.parallel_for);
  const ttt::BuiltModel built = ttt::build_model(tiny_encoder_family(), ttt::Json::parse(kConfig, "tiny_encoder"),
                                                 "tiny_encoder", weights, options);

  ttt::NoObserver nobody;
  ttt::Runner runner(built, threads, ttt::self_communicator(), nobody,
                     {.sequences = 2, .context = built.context, .chunk = 16, .wanted = 16});
  const std::vector<std::vector<std::int32_t>> texts{{1, 2, 3, 4, 5}, {1, 2, 3, 4, 6, 7, 8}};
  const std::vector<std::vector<float>> together = means(runner, texts),
                                        alone = means(runner, std::span(texts).first(1));
  std::printf("cosine of the two texts: %.6f\n", static_cast<double>(cosine(together[0], together[1])));
  std::printf("the first, alone and beside the second: %.6f\n", static_cast<double>(cosine(together[0], alone[0])));
  return cosine(together[0], alone[0]) > 0.999999f ? 0 : 1;
} catch (const ttt::Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return static_cast<int>(e.kind());
}
