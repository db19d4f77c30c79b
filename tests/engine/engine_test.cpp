#include "runtime/engine/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <thread>

#include "engine/engine_world.h"

namespace ttt::engine_tests {
namespace {

namespace fs = std::filesystem;

const fs::path kFamilies = fs::path(TTT_SOURCE_DIR) / "tests/golden/families";
constexpr std::int64_t kContext = 160;

// Models whose state is of every kind: full, windows, chunks, a latent; in f32 and quantised.
struct FamilyCase {
  std::string name;
  std::optional<Format> state;
};

class EngineFamilies : public testing::TestWithParam<FamilyCase> {};

// The law: a request's result does not depend on what runs beside it, or on when it came.
TEST_P(EngineFamilies, ResultsAreThoseOfGenerateAlone) {
  const FamilyCase& c = GetParam();
  World world(kFamilies / c.name, {.strategy = Strategy::kInvariant, .state_format = c.state}, kContext);
  Draws draws(7);
  std::vector<EngineRequest> requests;
  std::vector<std::vector<Generated>> alone;
  for (int i = 0; i < 12; ++i) {
    requests.push_back(some_request(draws, world.vocab(), i % 4 == 0 ? kContext : 40, i % 5 == 0 ? kContext : 30));
    alone.push_back(world.alone(requests.back()));
  }
  const std::unique_ptr<Engine> engine =
      world.engine({.sequences = 5, .step_rows = 24, .prompt_rows = 7, .page_rows = 8});
  std::vector<EngineStream> streams;
  for (const EngineRequest& r : requests) {
    streams.push_back(engine->submit(r));
    std::this_thread::sleep_for(std::chrono::microseconds(draws.below(4000)));
  }
  for (std::size_t i = 0; i < requests.size(); ++i) {
    expect_same(alone[i], collect(streams[i], requests[i].n), text("request ", i));
    const EngineUsage usage = streams[i].usage();
    EXPECT_EQ(usage.prompt, static_cast<std::int64_t>(requests[i].prompt.size()));
    std::int64_t generated = 0;
    for (const Generated& g : alone[i]) generated += static_cast<std::int64_t>(g.ids.size());
    EXPECT_EQ(usage.generated, generated);
  }
  engine->drain();
  const EngineStats stats = engine->stats();
  EXPECT_EQ(stats.running + stats.waiting, 0);
  EXPECT_EQ(stats.used_pages, stats.cached_pages) << "a page is leaked";
}

INSTANTIATE_TEST_SUITE_P(States, EngineFamilies,
                         testing::Values(FamilyCase{"llama/bias_two_heads", {}},
                                         FamilyCase{"llama/bias_two_heads", Format::kInt8},
                                         FamilyCase{"gemma/gemma3", {}}, FamilyCase{"gemma/gemma3", Format::kInt8},
                                         FamilyCase{"mistral/window", Format::kBF16}, FamilyCase{"llama4/scout", {}},
                                         FamilyCase{"deepseek/v2_lite", {}}, FamilyCase{"gpt_oss/bf16", {}}),
                         [](const auto& c) {
                           std::string name = c.param.name + (c.param.state ? text("_", name_of(*c.param.state)) : "");
                           std::ranges::replace_if(
                               name, [](char x) { return std::isalnum(static_cast<unsigned char>(x)) == 0; }, '_');
                           return name;
                         });

}  // namespace
}  // namespace ttt::engine_tests
