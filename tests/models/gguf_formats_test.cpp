// Every tensor type of GGUF files that is read, through a whole model: as stored against the same weights decoded to
// f32. That decoding is exact is tested against the gguf package in tests/kernels/packed_test.cpp.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "checkpoint/test_files.h"
#include "collectives/threads.h"
#include "support/model.h"
#include "testing/metrics.h"

namespace ttt {
namespace {

using testing::GgufWriter;
using testing::put;
using testing::Random;
using testing::TempDir;

struct BlockType {
  const char* name;
  std::uint32_t type;
  std::uint64_t elements, bytes;
  // Where the f16 scales stand in a block, and their size for weights of about 0.1.
  std::vector<std::pair<std::uint64_t, float>> scales;
};

void PrintTo(const BlockType& t, std::ostream* out) { *out << t.name; }

const BlockType kTypes[] = {
    {"f32", 0, 1, 4, {}},
    {"f16", 1, 1, 2, {}},
    {"bf16", 30, 1, 2, {}},
    {"q4_0", 2, 32, 18, {{0, 0.02f}}},
    {"q4_1", 3, 32, 20, {{0, 0.02f}, {2, -0.15f}}},
    {"q5_0", 6, 32, 22, {{0, 0.01f}}},
    {"q5_1", 7, 32, 24, {{0, 0.01f}, {2, -0.15f}}},
    {"q8_0", 8, 32, 34, {{0, 0.001f}}},
    {"q4_k", 12, 256, 144, {{0, 0.0006f}, {2, 0.005f}}},
    {"q5_k", 13, 256, 176, {{0, 0.0003f}, {2, 0.005f}}},
    {"q6_k", 14, 256, 210, {{208, 0.0001f}}},
    {"mxfp4", 39, 32, 17, {}},
    {"q2_k", 10, 256, 84, {{80, 0.006f}, {82, 0.008f}}},
    {"q3_k", 11, 256, 110, {{108, 0.0015f}}},
    {"iq4_nl", 20, 32, 18, {{0, 0.0015f}}},
    {"iq4_xs", 23, 256, 136, {{0, 0.0001f}}},
    {"tq1_0", 34, 256, 54, {{52, 0.1f}}},
    {"tq2_0", 35, 256, 66, {{64, 0.1f}}},
};

// The f16 nearest below, for values of ordinary size.
std::uint16_t f16(float x) {
  std::uint32_t u = 0;
  std::memcpy(&u, &x, 4);
  const std::uint32_t exponent = (u >> 23) & 0xff;
  if (exponent <= 112) return 0;  // too small to be normal
  return static_cast<std::uint16_t>((u >> 16 & 0x8000) | ((exponent - 112) << 10) | (u >> 13 & 0x3ff));
}

// Blocks of random codes, or dense values.
std::string weights(const BlockType& t, std::uint64_t elements, Random& random) {
  std::string s;
  if (t.elements == 1) {
    for (std::uint64_t i = 0; i < elements; ++i) {
      const float v = 0.15f * random.real() + 0.001f;
      std::uint32_t u = 0;
      std::memcpy(&u, &v, 4);
      if (t.bytes == 4) put(s, v);
      if (t.bytes == 2) put(s, t.type == 1 ? f16(v) : static_cast<std::uint16_t>(u >> 16));
    }
    return s;
  }
  for (std::uint64_t b = 0; b < elements / t.elements; ++b) {
    std::string block;
    while (block.size() < t.bytes) block.push_back(static_cast<char>(random.below(256)));
    if (t.scales.empty()) block[0] = static_cast<char>(120 + random.below(3));  // an exponent
    for (const auto& [at, scale] : t.scales) {
      const std::uint16_t h = f16(scale * (1.0f + 0.3f * random.real()));
      std::memcpy(block.data() + at, &h, 2);
    }
    s += block;
  }
  return s;
}

constexpr std::uint64_t kHidden = 256, kFfn = 512, kVocab = 96, kHeads = 4, kKvHeads = 2, kLayers = 2;

std::string gguf_model(const BlockType& t) {
  Random random(7);
  GgufWriter w;
  w.string("general.architecture", "llama").u32("llama.block_count", kLayers).u32("llama.context_length", 256);
  w.u32("llama.embedding_length", kHidden).u32("llama.feed_forward_length", kFfn);
  w.u32("llama.attention.head_count", kHeads).u32("llama.attention.head_count_kv", kKvHeads);
  w.f32("llama.attention.layer_norm_rms_epsilon", 1e-5f).f32("llama.rope.freq_base", 10000.0f);
  const auto matrix = [&](const std::string& name, std::uint64_t out, std::uint64_t in) {
    w.tensor(name, {in, out}, t.type, weights(t, out * in, random));
  };
  const auto gain = [&](const std::string& name) {
    std::string s;
    for (std::uint64_t i = 0; i < kHidden; ++i) put(s, 1.0f + 0.2f * random.real());
    w.tensor(name, {kHidden}, 0, s);
  };
  matrix("token_embd.weight", kVocab, kHidden);
  matrix("output.weight", kVocab, kHidden);
  gain("output_norm.weight");
  for (std::uint64_t l = 0; l < kLayers; ++l) {
    const std::string p = "blk." + std::to_string(l) + ".";
    gain(p + "attn_norm.weight");
    gain(p + "ffn_norm.weight");
    matrix(p + "attn_q.weight", kHidden, kHidden);
    matrix(p + "attn_k.weight", kHidden * kKvHeads / kHeads, kHidden);
    matrix(p + "attn_v.weight", kHidden * kKvHeads / kHeads, kHidden);
    matrix(p + "attn_output.weight", kHidden, kHidden);
    matrix(p + "ffn_gate.weight", kFfn, kHidden);
    matrix(p + "ffn_up.weight", kFfn, kHidden);
    matrix(p + "ffn_down.weight", kHidden, kFfn);
  }
  return w.bytes();
}

class GgufFormats : public ::testing::TestWithParam<BlockType> {};

TEST_P(GgufFormats, RunsAsStored) {
  const TempDir directory;
  const auto file = directory.write("model.gguf", gguf_model(GetParam()));
  std::vector<std::int32_t> ids;
  for (std::int32_t i = 0; i < 40; ++i) ids.push_back(i * 37 % static_cast<std::int32_t>(kVocab));
  std::vector<float> decoded;
  {
    support::TestModel model(file, {.weight_format = Format::kF32}, 40);
    decoded = model.logits(ids, 40, 40);
  }
  const auto [low, high] = std::ranges::minmax(decoded);
  const double range = static_cast<double>(high) - static_cast<double>(low);
  ASSERT_GT(range, 1.0);
  for (const DeviceTraits& traits : {with_isa(query_device_traits(), IsaLevel::kSse2), query_device_traits()}) {
    support::TestModel exact(file, {.traits = traits, .strategy = Strategy::kAccuracy}, 40);
    EXPECT_LT(max_abs_error(exact.logits(ids, 13, 8), decoded), 1e-5 * range) << name_of(traits.isa());
    support::TestModel stored(file, {.traits = traits}, 40);
    EXPECT_GT(pcc(stored.logits(ids, 40, 40), decoded), 0.999) << name_of(traits.isa());
  }
}

// Three ranks cut the 512 inputs of the FFN at 192 and 352, inside blocks of 256.
TEST_P(GgufFormats, RanksCutInsideBlocks) {
  const TempDir directory;
  const auto file = directory.write("model.gguf", gguf_model(GetParam()));
  std::vector<std::int32_t> ids;
  for (std::int32_t i = 0; i < 20; ++i) ids.push_back(i * 37 % static_cast<std::int32_t>(kVocab));
  const LoadOptions options{.strategy = Strategy::kAccuracy};
  support::TestModel alone(file, options, 20);
  const std::vector<float> one = alone.logits(ids, 13, 8);
  const auto [low, high] = std::ranges::minmax(one);
  for (std::int64_t ranks = 2; ranks <= 4; ++ranks) {
    std::vector<std::vector<float>> logits(static_cast<std::size_t>(ranks));
    run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
      support::TestModel model(file, options, 20, 1, communicator);
      logits[static_cast<std::size_t>(rank)] = model.logits(ids, 13, 8);
    });
    EXPECT_LT(max_abs_error(logits[0], one), 1e-5 * static_cast<double>(high - low)) << ranks << " ranks";
    for (const auto& other : logits) EXPECT_EQ(other, logits[0]) << ranks << " ranks";
  }
}

INSTANTIATE_TEST_SUITE_P(Types, GgufFormats, ::testing::ValuesIn(kTypes),
                         [](const auto& type) { return std::string(type.param.name); });

}  // namespace
}  // namespace ttt
