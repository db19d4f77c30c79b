// The law of Strategy::kInvariant on whole models, over everything at once: a row's logits are bitwise the same over
// batch size, batch slot, number of threads, split of the sequence and number of ranks.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <ostream>

#include "collectives/threads.h"
#include "support/model.h"
#include "support/real_model.h"
#include "support/tiny_model.h"

namespace ttt {
namespace {

using support::TestModel;
using Ids = std::vector<std::int32_t>;

// One way to compute the logits of a sequence's first tokens.
struct Way {
  std::int64_t ranks = 1, threads = 1;
  std::int64_t batch = 1, slot = 0;       // sequences that run side by side, and which of them is compared
  std::int64_t tokens = 0;                // 0: all
  std::vector<std::int64_t> splits = {};  // rows of a step, in turn; none: all in one
  std::int64_t page_rows = 0;

  std::int64_t rows() const { return splits.empty() ? 0 : *std::ranges::max_element(splits) * batch; }  // of a step
};

std::ostream& operator<<(std::ostream& out, const Way& w) {
  out << w.ranks << " ranks, " << w.threads << " threads, slot " << w.slot << " of " << w.batch << ", "
      << (w.tokens > 0 ? w.tokens : -1) << " tokens in steps of";
  for (const std::int64_t s : w.splits) out << " " << s;
  return out;
}

// Other sequences of the batch hold the same tokens from another start, so that every row has neighbours unlike it.
std::vector<float> run(TestModel& model, const Ids& ids, const Way& way) {
  const auto size = static_cast<std::int64_t>(ids.size()), tokens = way.tokens > 0 ? way.tokens : size;
  const std::vector<std::int64_t> splits = way.splits.empty() ? std::vector<std::int64_t>{tokens} : way.splits;
  const std::int64_t most = way.splits.empty() ? tokens : way.rows();
  Runner runner = model.runner(most, most, way.batch, way.page_rows);
  std::vector<Sequence> sequences;
  for (std::int64_t i = 0; i < way.batch; ++i) sequences.push_back(runner.create());
  std::vector<float> all;
  std::size_t turn = 0;
  for (std::int64_t at = 0; at < tokens; ++turn) {
    const std::int64_t rows = std::min(splits[turn % splits.size()], tokens - at);
    std::vector<StepEntry> entries;
    Ids step;
    std::vector<std::int64_t> wanted;
    for (std::int64_t i = 0; i < way.batch; ++i) {
      for (std::int64_t r = 0; r < rows; ++r) {
        if (i == way.slot) wanted.push_back(static_cast<std::int64_t>(step.size()));
        step.push_back(ids[static_cast<std::size_t>((at + r + (i == way.slot ? 0 : i + 1)) % size)]);
      }
      entries.push_back({.sequence = &sequences[static_cast<std::size_t>(i)], .rows = rows});
    }
    const std::span<const float> logits = runner.step(entries, step, wanted);
    all.insert(all.end(), logits.begin(), logits.end());
    at += rows;
  }
  return all;
}

// Every rank's logits are compared with the first of `ways`, which runs alone on one rank.
void expect_invariant(const std::filesystem::path& path, LoadOptions options, const Ids& ids,
                      const std::vector<Way>& ways) {
  options.strategy = Strategy::kInvariant;
  TestModel alone(path, options, static_cast<std::int64_t>(ids.size()), 1);
  const std::vector<float> base = run(alone, ids, {});
  for (std::size_t i = 0; i < ways.size();) {
    std::size_t end = i;                                   // of the ways that one loaded model serves
    auto context = static_cast<std::int64_t>(ids.size());  // a step has no more rows
    while (end < ways.size() && ways[end].ranks == ways[i].ranks && ways[end].threads == ways[i].threads) {
      context = std::max(context, ways[end++].rows());
    }
    run_ranks(ways[i].ranks, [&](std::int64_t rank, Communicator& communicator) {
      TestModel model(path, options, context, ways[i].threads, communicator);
      for (std::size_t w = i; w < end; ++w) {
        const std::vector<float> got = run(model, ids, ways[w]);
        EXPECT_TRUE(!got.empty() && got.size() <= base.size() &&
                    std::memcmp(got.data(), base.data(), got.size() * sizeof(float)) == 0)
            << "rank " << rank << " of " << ways[w];
      }
    });
    i = end;
  }
}

struct FormatCase {
  std::string shape;
  std::optional<Format> weights, state;
};

void PrintTo(const FormatCase& c, std::ostream* out) {
  *out << c.shape << " " << name_of(*c.weights) << ", state " << (c.state ? name_of(*c.state) : "by the strategy");
}

class InvariantFormats : public testing::TestWithParam<FormatCase> {};

TEST_P(InvariantFormats, RowsAreBitwiseEqualOnAnyRanks) {
  const FormatCase& c = GetParam();
  const support::TemporaryDirectory directory;
  const Json config = support::golden_config(c.shape);
  support::write_random_checkpoint(directory.path(), config, {});
  const Ids ids = support::random_tokens(config.at("vocab_size", "config").as_integer("vocab_size"), 43);
  const std::int64_t heads = config.at("num_attention_heads", "config").as_integer("heads");
  std::vector<Way> ways{{.threads = 2, .splits = {1}},
                        {.ranks = 2, .threads = 1},
                        {.ranks = 2, .threads = 1, .batch = 33, .slot = 32, .tokens = 20, .splits = {3, 1}},
                        {.ranks = 3, .threads = 2, .batch = 7, .slot = 2, .splits = {11}, .page_rows = 16},
                        {.ranks = 3, .threads = 2, .splits = {1}},
                        {.ranks = 4, .threads = 1, .batch = 64, .slot = 40, .tokens = 9, .splits = {5, 1}},
                        {.ranks = 4, .threads = 1, .batch = 2, .slot = 1, .splits = {17, 1, 1}}};
  std::erase_if(ways, [&](const Way& w) { return w.ranks > heads; });
  expect_invariant(directory.path(), {.weight_format = c.weights, .state_format = c.state}, ids, ways);
}

std::vector<FormatCase> format_cases() {
  std::vector<FormatCase> all;
  for (const char* shape : {"gqa", "odd", "bias"}) {
    for (const Format weights :
         {Format::kF32, Format::kBF16, Format::kInt8, Format::kInt4, Format::kBfp8B, Format::kBfp4B}) {
      all.push_back({shape, weights, {}});
    }
  }
  for (const Format state : {Format::kBF16, Format::kInt8, Format::kBfp8B}) {
    all.push_back({"gqa", Format::kF32, state});
    all.push_back({"odd", Format::kInt4, state});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Shapes, InvariantFormats, testing::ValuesIn(format_cases()), [](const auto& c) {
  return text(c.param.shape, "_", name_of(*c.param.weights), c.param.state ? "_state_" : "",
              c.param.state ? name_of(*c.param.state) : "");
});

Ids text_tokens(std::size_t count) {
  const std::string stored =
      read_small_file(std::filesystem::path(TTT_SOURCE_DIR) / "tests/golden/smollm2/text_ids.u16", 1 << 20, "ids");
  Ids ids(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint16_t id = 0;
    std::memcpy(&id, stored.data() + 2 * i, 2);
    ids[i] = id;
  }
  return ids;
}

class InvariantSmolLM2 : public testing::TestWithParam<std::optional<Format>> {};

// Nine heads over three of keys and values, on one to four ranks.
TEST_P(InvariantSmolLM2, RowsAreBitwiseEqualHoweverTheyAreComputed) {
  TTT_REQUIRE_MODEL(file, "TTT_SMOLLM2_GGUF");
  const std::vector<Way> ways{{.threads = 2, .splits = {19, 8}},
                              {.threads = 2, .batch = 64, .slot = 63, .tokens = 5, .splits = {2, 1}},
                              {.threads = 3, .batch = 2, .slot = 0, .tokens = 20, .splits = {1}},
                              {.ranks = 2, .threads = 1, .splits = {}},
                              {.ranks = 2, .threads = 1, .batch = 7, .slot = 3, .tokens = 24, .splits = {7, 1}},
                              {.ranks = 3, .threads = 1, .batch = 33, .slot = 17, .tokens = 8, .splits = {4}},
                              {.ranks = 3, .threads = 1, .tokens = 16, .splits = {1}},
                              {.ranks = 4, .threads = 2, .splits = {32, 1}, .page_rows = 16},
                              {.ranks = 4, .threads = 2, .batch = 64, .slot = 5, .tokens = 4, .splits = {2, 1}}};
  expect_invariant(file, {.weight_format = GetParam()}, text_tokens(44), ways);
}

INSTANTIATE_TEST_SUITE_P(Formats, InvariantSmolLM2, testing::Values(std::optional<Format>{}, Format::kBF16),
                         [](const auto& f) { return f.param ? std::string(name_of(*f.param)) : "as_stored"; });

}  // namespace
}  // namespace ttt
