#include "sampling/sampling_spec.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "base/fields.h"

namespace ttt {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Refusal {
  SamplingSpec spec;
  std::string message;
};

class SamplingSpecRefusal : public ::testing::TestWithParam<Refusal> {};

TEST_P(SamplingSpecRefusal, NamesTheField) {
  try {
    validate(GetParam().spec, 100);
    FAIL() << "accepted; wanted " << GetParam().message;
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kUsage);
    EXPECT_EQ(e.what(), "sampling: " + GetParam().message);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, SamplingSpecRefusal,
    ::testing::Values(
        Refusal{{.temperature = -1}, "temperature wanted 0 (greedy) or at least 1e-06, got -1"},
        Refusal{{.temperature = 1e-7}, "temperature wanted 0 (greedy) or at least 1e-06, got 1e-07"},
        Refusal{{.temperature = 1e39}, "temperature wanted 0 (greedy) or at least 1e-06, got 1e+39"},
        Refusal{{.temperature = kNaN}, "temperature wanted 0 (greedy) or at least 1e-06, got nan"},
        Refusal{{.top_k = -1}, "top_k wanted 0 (off) or more, got -1"},
        Refusal{{.top_p = 1.5}, "top_p wanted 0 to 1, got 1.5"},
        Refusal{{.top_p = -0.5}, "top_p wanted 0 to 1, got -0.5"},
        Refusal{{.top_p = kNaN}, "top_p wanted 0 to 1, got nan"}, Refusal{{.min_p = 2}, "min_p wanted 0 to 1, got 2"},
        Refusal{{.typical_p = 0}, "typical_p wanted more than 0 and at most 1, got 0"},
        Refusal{{.repetition_penalty = 0}, "repetition_penalty wanted a positive number, got 0"},
        Refusal{{.repetition_penalty = kInf}, "repetition_penalty wanted a positive number, got inf"},
        Refusal{{.presence_penalty = kInf}, "presence_penalty wanted a finite number, got inf"},
        Refusal{{.frequency_penalty = kNaN}, "frequency_penalty wanted a finite number, got nan"},
        Refusal{{.logit_bias = {{-1, 0}}}, "logit_bias.id wanted 0 or more, got -1"},
        Refusal{{.logit_bias = {{100, 0}}}, "logit_bias.id wanted less than the vocabulary's 100, got 100"},
        Refusal{{.logit_bias = {{5, 1}, {6, 1}, {5, 2}}}, "logit_bias.id wanted different ids, got 5 twice"},
        Refusal{{.logit_bias = {{5, kInf}}}, "logit_bias.bias wanted a finite number or -inf, got inf"},
        Refusal{{.bad_words = {{}}}, "bad_words wanted sequences of at least one id, got an empty one"},
        Refusal{{.bad_words = {{1, -2}}}, "bad_words wanted ids of at least 0, got -2"},
        Refusal{{.bad_words = {{1}, {100, 1}}}, "bad_words wanted ids less than the vocabulary's 100, got 100"},
        Refusal{{.log_probs = -1}, "log_probs wanted 0 or more, got -1"},
        Refusal{{.log_probs = 101}, "log_probs wanted at most the vocabulary's 100, got 101"}),
    [](const auto& name) { return "Case" + std::to_string(name.index); });

TEST(SamplingSpec, TheEdgesAreValid) {
  validate({});
  validate({.temperature = 1e-6, .top_k = 1000, .top_p = 0, .min_p = 1, .typical_p = 1, .log_probs = 100}, 100);
  validate({.logit_bias = {{99, -kInf}}, .bad_words = {{99}, {0, 99}}, .log_probs = 0}, 100);
}

TEST(SamplingSpec, GoesThroughJson) {
  const SamplingSpec spec{.temperature = 0.75,
                          .top_k = 40,
                          .logit_bias = {{3, -2.5}, {4, -kInf}},
                          .bad_words = {{1}, {2, 3}},
                          .seed = std::numeric_limits<std::int64_t>::min(),
                          .log_probs = 5};
  SamplingSpec back;
  from_json(back, Json::parse(to_json(spec).dump(), "spec"), "spec");
  EXPECT_EQ(back, spec);
  EXPECT_THROW(from_json(back, Json::parse(R"({"beam_width": 4})", "spec"), "spec"), Error);
}

}  // namespace
}  // namespace ttt
