// In the library this is tests/normalization/channel_scale_test.cpp.
#include "channel_scale.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "collectives/self.h"

namespace ttt {
namespace {

struct OneRank {
  ThreadPool threads{2};
  Scratch scratch{1 << 16};
  SelfCommunicator self;
  NoObserver nobody;
  Exec exec{threads, scratch, self, nobody};
};

std::vector<float> numbers(std::int64_t n, float first) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < n; ++i) values.push_back(first + 0.25f * static_cast<float>(i % 13));
  return values;
}

struct Case {
  IsaLevel isa;
  std::int64_t rows, dim;
};

// A failure names its case.
std::string name_of_case(const testing::TestParamInfo<Case>& info) {
  return text(name_of(info.param.isa), "_rows", info.param.rows, "_dim", info.param.dim);
}

// Every level that this machine has, widths around the vectors', an empty batch and more rows than a task holds.
std::vector<Case> cases() {
  std::vector<Case> all;
  for (const IsaLevel isa : {IsaLevel::kSse2, IsaLevel::kAvx2, IsaLevel::kAvx512}) {
    if (!query_device_traits().features.contains(features_of(isa))) continue;
    for (const std::int64_t rows : {0, 1, 17}) {
      for (const std::int64_t dim : {1, 3, 4, 7, 8, 9, 16, 64, 65}) all.push_back({isa, rows, dim});
    }
  }
  return all;
}

class ChannelScaleLaws : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(All, ChannelScaleLaws, testing::ValuesIn(cases()), name_of_case);

TEST_P(ChannelScaleLaws, EqualsTheFormulaAlsoInPlace) {
  const auto [isa, rows, dim] = GetParam();
  const std::vector<float> gain = numbers(dim, -1.5f);
  std::vector<float> x = numbers(rows * dim, 0.5f);
  std::vector<float> y(x.size());
  const Context context{.traits = with_isa(query_device_traits(), isa)};
  const ChannelScale block({.dim = dim}, {.gain = view_of(gain.data(), {dim})}, {}, context);

  std::vector<float> wanted;
  for (std::size_t i = 0; i < x.size(); ++i) wanted.push_back(x[i] * gain[i % static_cast<std::size_t>(dim)]);
  OneRank rank;
  block.forward(rank.exec, view_of(x.data(), {rows, dim}), view_of(y.data(), {rows, dim}));
  EXPECT_EQ(y, wanted);
  block.forward(rank.exec, view_of(x.data(), {rows, dim}), view_of(x.data(), {rows, dim}));
  EXPECT_EQ(x, wanted);
}

// The text of the Error that building and running throws.
std::string refusal(const ChannelScaleSpec& spec, Shape gain_shape, const ChannelScaleImplConfig& impl, Shape x_shape) {
  std::vector<float> memory(64);
  try {
    const ChannelScale block(spec, {.gain = view_of(memory.data(), gain_shape)}, impl, {});
    OneRank rank;
    block.forward(rank.exec, view_of(memory.data(), x_shape), view_of(memory.data(), x_shape));
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

TEST(ChannelScale, RefusesBadInput) {
  EXPECT_EQ(refusal({.dim = 8}, {8}, {}, {2, 8}), "accepted");
  EXPECT_EQ(refusal({.dim = 0}, {8}, {}, {2, 8}), "[ChannelScale] dim wanted a positive number, got 0");
  EXPECT_EQ(refusal({.dim = 8}, {8}, {.activation = Format::kBF16}, {2, 8}),
            "[ChannelScale] activation wanted f32, got bf16");
  EXPECT_NE(refusal({.dim = 8}, {9}, {}, {2, 8}).find("gamma wanted [8], got [9]"), std::string::npos);
  EXPECT_NE(refusal({.dim = 8}, {8}, {}, {2, 9}).find("wanted [rows, 8], got [2, 9]"), std::string::npos);
}

TEST(ChannelScale, CountsItsWorkWithoutRunning) {
  struct Counter final : Observer {
    double operations = 0, bytes = 0;
    void done(const Place&, TensorView) override {}
    void launched(double o, double b) override { operations += o, bytes += b; }
    bool counts() const override { return true; }
    bool observes(const Place&) const override { return false; }
  } counter;
  const ChannelScale block({.dim = 8}, {.gain = view_of(static_cast<const float*>(nullptr), {8})}, {}, {});
  ThreadPool threads(1);
  Scratch scratch = Scratch::planned();
  SelfCommunicator self;
  Exec exec(threads, scratch, self, counter, Exec::Mode::kPlan);
  Scratch::Frame frame(scratch);
  const TensorView x = frame.take({3, 8});
  block.forward(exec, x, x);
  EXPECT_EQ(counter.operations, 24);
  EXPECT_EQ(counter.bytes, 4 * (24 + 24 + 8));
}

}  // namespace
}  // namespace ttt
