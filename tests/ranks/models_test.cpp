// Whole models on 1, 2, 3 and 4 ranks of one process: every rank receives the same logits, and they are those of one
// rank.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <ostream>

#include "collectives/threads.h"
#include "runtime/generate.h"
#include "support/model.h"
#include "support/real_model.h"
#include "support/tiny_model.h"
#include "testing/metrics.h"

namespace ttt {
namespace {

using support::TestModel;
using Ids = std::vector<std::int32_t>;

// Logits on `ranks` ranks; all must have the same.
std::vector<float> logits_on(std::int64_t ranks, const std::filesystem::path& path, const LoadOptions& options,
                             const Ids& ids, std::int64_t prefill) {
  std::vector<std::vector<float>> logits(static_cast<std::size_t>(ranks));
  run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
    TestModel model(path, options, static_cast<std::int64_t>(ids.size()), 1, communicator);
    logits[static_cast<std::size_t>(rank)] = model.logits(ids, prefill, 64);
  });
  for (const auto& other : logits) EXPECT_EQ(other, logits[0]) << ranks << " ranks";
  return logits[0];
}

double error_of_range(const std::vector<float>& wanted, const std::vector<float>& got) {
  const auto [least, most] = std::ranges::minmax(wanted);
  return max_abs_error(wanted, got) / static_cast<double>(most - least);
}

struct RankCase {
  std::string shape;
  std::optional<Format> weights;
  double pcc;
};

void PrintTo(const RankCase& c, std::ostream* out) { *out << c.shape << " " << name_of(*c.weights); }

class RanksOfModels : public testing::TestWithParam<RankCase> {};

// Heads of 8 and 16 over 2 to 4 ranks fall inside the groups of 32 of grouped weights, 133 inputs of an FFN leave ranks
// with less than a group, and 96 leave the fourth with none.
TEST_P(RanksOfModels, AgreeWithOne) {
  const RankCase& c = GetParam();
  const support::TemporaryDirectory directory;
  const Json config = support::golden_config(c.shape);
  support::write_random_checkpoint(directory.path(), config, {});
  const Ids ids = support::random_tokens(config.at("vocab_size", "config").as_integer("vocab_size"), 40);
  const LoadOptions options{.weight_format = c.weights};
  const std::vector<float> one = logits_on(1, directory.path(), options, ids, 33);
  const std::int64_t heads = config.at("num_attention_heads", "config").as_integer("heads");
  for (std::int64_t ranks = 2; ranks <= std::min<std::int64_t>(4, heads); ++ranks) {
    const std::vector<float> many = logits_on(ranks, directory.path(), options, ids, 33);
    EXPECT_GT(pcc(one, many), c.pcc) << ranks << " ranks";
    if (c.weights == Format::kF32) {
      EXPECT_LT(error_of_range(one, many), 1e-5) << ranks << " ranks";
    }
  }
}

std::vector<RankCase> cases() {
  std::vector<RankCase> all;
  for (const char* shape : {"gqa", "mqa", "mha", "odd", "head_dim", "bias"})
    all.push_back({shape, Format::kF32, 0.9999});
  for (const char* shape : {"gqa", "head_dim"}) {
    all.push_back({shape, Format::kBF16, 0.999});
    // A whole row is one group of int8, so a cut row has other codes.
    all.push_back({shape, Format::kInt8, 0.998});
    all.push_back({shape, Format::kInt4, 0.99});
    all.push_back({shape, Format::kBfp8B, 0.999});
    all.push_back({shape, Format::kBfp4B, 0.99});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Shapes, RanksOfModels, testing::ValuesIn(cases()),
                         [](const auto& c) { return c.param.shape + "_" + std::string(name_of(*c.param.weights)); });

// kInvariant promises more: bitwise the same on any number of ranks, for nothing that is added up is shared out.
TEST(Ranks, InvariantIsBitwiseTheSame) {
  for (const char* shape : {"gqa", "odd", "bias"}) {
    const support::TemporaryDirectory directory;
    const Json config = support::golden_config(shape);
    support::write_random_checkpoint(directory.path(), config, {});
    const Ids ids = support::random_tokens(config.at("vocab_size", "config").as_integer("vocab_size"), 24);
    for (const std::optional<Format> weights : {std::optional(Format::kF32), std::optional(Format::kInt8)}) {
      const LoadOptions options{.strategy = Strategy::kInvariant, .weight_format = weights};
      const std::vector<float> one = logits_on(1, directory.path(), options, ids, 20);
      const std::int64_t heads = config.at("num_attention_heads", "config").as_integer("heads");
      for (std::int64_t ranks = 2; ranks <= std::min<std::int64_t>(4, heads); ++ranks) {
        EXPECT_EQ(logits_on(ranks, directory.path(), options, ids, 20), one) << shape << ", " << ranks << " ranks";
      }
    }
  }
}

TEST(Ranks, MoreThanHeadsAreRefusedWithTheLargestCount) {
  const support::TemporaryDirectory directory;
  const Json config = support::tiny_config(64);  // four heads
  support::write_random_checkpoint(directory.path(), config, {});
  try {
    run_ranks(5,
              [&](std::int64_t, Communicator& communicator) { TestModel(directory.path(), {}, 16, 1, communicator); });
    ADD_FAILURE() << "accepted";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kUsage);
    EXPECT_NE(std::string(e.what()).find("at most as many ranks as heads 4, got 5"), std::string::npos) << e.what();
  }
}

TEST(Ranks, SampledTokensAreTheSame) {
  const support::TemporaryDirectory directory;
  support::write_random_checkpoint(directory.path(), support::golden_config("gqa"), {});
  const GenerateOptions options{.max_new_tokens = 20, .sampling = {.temperature = 1.3, .top_p = 0.95, .seed = 5}};
  std::vector<Ids> ids(3);
  run_ranks(3, [&](std::int64_t rank, Communicator& communicator) {
    TestModel model(directory.path(), {}, 64, 1, communicator);
    Runner runner = model.runner(16, 1);
    const Ids prompt{1, 2, 3};
    ids[static_cast<std::size_t>(rank)] = generate(runner, prompt, options, [](std::int32_t) { return true; }).ids;
  });
  EXPECT_EQ(ids[0].size(), 20u);
  EXPECT_EQ(ids[1], ids[0]);
  EXPECT_EQ(ids[2], ids[0]);
}

// Nine heads over three of keys and values.
TEST(Ranks, SmolLM2) {
  TTT_REQUIRE_MODEL(file, "TTT_SMOLLM2_GGUF");
  const std::filesystem::path path = file;
  // Tokens of a text: on random ones rounding alone moves logits further.
  const std::string text_ids =
      read_small_file(std::filesystem::path(TTT_SOURCE_DIR) / "tests/golden/smollm2/text_ids.u16", 1 << 20, "ids");
  Ids ids(48);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    std::uint16_t id = 0;
    std::memcpy(&id, text_ids.data() + 2 * i, 2);
    ids[i] = id;
  }
  const LoadOptions exact{.weight_format = Format::kF32, .state_format = Format::kF32};
  const std::vector<float> one = logits_on(1, path, exact, ids, 40), stored = logits_on(1, path, {}, ids, 40);
  for (std::int64_t ranks = 2; ranks <= 4; ++ranks) {
    EXPECT_LT(error_of_range(one, logits_on(ranks, path, exact, ids, 40)), 1e-5) << ranks << " ranks";
    EXPECT_GT(pcc(stored, logits_on(ranks, path, {}, ids, 40)), 0.999) << ranks << " ranks";
  }
}

}  // namespace
}  // namespace ttt
