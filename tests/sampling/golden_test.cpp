#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "base/fields.h"
#include "base/json.h"
#include "sampling/sampler.h"

namespace ttt {
namespace {

Json golden() {
  const std::string path = TTT_SOURCE_DIR "/tests/golden/sampling/cases.json";
  std::stringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return Json::parse(bytes.str(), path);
}

std::vector<std::int32_t> ids_of(const Json& json) {
  std::vector<std::int32_t> ids;
  for (const Json& j : json.as_array("ids")) ids.push_back(static_cast<std::int32_t>(j.as_integer("id")));
  return ids;
}

std::vector<float> floats_of(const Json& json) {
  std::vector<float> x;
  for (const Json& j : json.as_array("logits")) x.push_back(static_cast<float>(j.as_number("logit")));
  return x;
}

// First and last id of each run.
std::vector<std::int32_t> runs(const std::vector<std::int32_t>& ids) {
  std::vector<std::int32_t> flat;
  for (const std::int32_t id : ids) {
    if (!flat.empty() && flat.back() == id - 1) {
      flat.back() = id;
    } else {
      flat.insert(flat.end(), {id, id});
    }
  }
  return flat;
}

SequenceHistory history_of(const Json& json) {
  SequenceHistory history(ids_of(json.at("prompt", "golden")));
  for (const std::int32_t id : ids_of(json.at("generated", "golden"))) history.append(id);
  return history;
}

struct Expected {
  explicit Expected(const Json& json) : kept(ids_of(json.at("kept", "case"))) {
    argmax = static_cast<std::int32_t>(json.at("argmax", "case").as_integer("argmax"));
    for (const Json& j : json.at("scores", "case").as_array("scores")) {
      const Json::Array& row = j.as_array("score");
      scores.push_back({static_cast<std::int32_t>(row[0].as_integer("id")),
                        static_cast<float>(row[1].as_number("score")),
                        static_cast<float>(row[2].as_number("probability"))});
    }
  }
  std::vector<std::int32_t> kept;
  std::int32_t argmax;
  std::vector<Candidate> scores;
};

void check_greedy(const SamplingSpec& spec, std::vector<float> x, const SequenceHistory& history,
                  const Expected& expected, SamplerWorkspace& workspace) {
  const Sampler sampler(spec, static_cast<std::int64_t>(x.size()));
  EXPECT_EQ(sampler.sample(x, history, RandomStream(0), workspace).id, expected.argmax);
  Penalties(spec).apply(x, history);
  std::vector<std::int32_t> kept;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] > -std::numeric_limits<float>::infinity()) kept.push_back(static_cast<std::int32_t>(i));
  }
  EXPECT_EQ(runs(kept), expected.kept);
  for (const Candidate& c : expected.scores) EXPECT_EQ(x[static_cast<std::size_t>(c.id)], c.score) << "id " << c.id;
}

void check_sampling(const SamplingSpec& spec, const std::vector<float>& x, const SequenceHistory& history,
                    const Expected& expected, SamplerWorkspace& workspace) {
  const Sampler sampler(spec, static_cast<std::int64_t>(x.size()));
  std::vector<std::int32_t> kept;
  std::vector<Candidate> by_id(x.size());
  for (const Candidate& c : sampler.distribution(x, history, workspace)) {
    kept.push_back(c.id);
    by_id[static_cast<std::size_t>(c.id)] = c;
  }
  EXPECT_EQ(runs(kept), expected.kept);
  for (const Candidate& c : expected.scores) {
    const Candidate& got = by_id[static_cast<std::size_t>(c.id)];
    EXPECT_EQ(got.score, c.score) << "id " << c.id;
    EXPECT_NEAR(got.probability, c.probability, 2e-6F * c.probability + 1e-12F) << "id " << c.id;
  }
}

// Processors and warpers of Hugging Face transformers, as generate() orders them (tools/make_sampling_golden.py).
TEST(SamplingGolden, AgreesWithTransformers) {
  const Json json = golden();
  const SequenceHistory history = history_of(json);
  SamplerWorkspace workspace;
  std::int64_t checked = 0;
  for (const Json& c : json.at("cases", "golden").as_array("cases")) {
    const std::string& name = c.at("logits", "case").as_string("logits");
    SamplingSpec spec;
    from_json(spec, c.at("spec", "case"), "spec");
    SCOPED_TRACE(name + " " + c.at("spec", "case").dump());
    const std::vector<float> x = floats_of(json.at("logits", "golden").at(name, "logits"));
    if (spec.temperature == 0) {
      check_greedy(spec, x, history, Expected(c), workspace);
    } else {
      check_sampling(spec, x, history, Expected(c), workspace);
    }
    ++checked;
  }
  EXPECT_GE(checked, 300);
}

}  // namespace
}  // namespace ttt
