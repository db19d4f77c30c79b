// Mixtures of experts in every stored and every quantised format, dealt out unevenly over ranks: what one rank gives.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <mutex>

#include "collectives/threads.h"
#include "ffn/moe.h"
#include "kernels/grouped_data.h"
#include "support/exec.h"
#include "testing/metrics.h"

namespace ttt {
namespace {

namespace grouped = kernels::grouped_tests;

// Three experts' widths are whole super-blocks of 256 inputs; the parts of the feed-forwards beside them are not.
constexpr std::int64_t kHidden = 256, kExpertFfn = 256, kSharedFfn = 768, kDenseFfn = 512, kExperts = 5, kRows = 13;

// Whole matrices in the format of a file, or in f32 where the format has none in files, cut and packed for any rank as
// a loader does.
class StoredWeights final : public WeightBinder {
 public:
  explicit StoredWeights(Format format) : format_(format) {}

  void bind(ConstTensorView& field, const WeightRequest& request) override {
    const std::lock_guard lock(mutex_);
    const auto seed = static_cast<unsigned>(std::hash<std::string>{}(request.full_name()) % 10'000);
    const Cut& cut = request.cut;
    const std::string key =
        text(request.full_name(), " ", cut.axis, " ", cut.begin, " ", cut.count, " ", request.shape.to_string());
    const bool matrix = request.use == WeightUse::kMatrix && request.format != Format::kF32;
    const auto known = views_.find(key);
    if (known == views_.end()) views_[key] = matrix ? packed(request, seed) : floats(request, seed);
    field = views_[key];
  }

 private:
  ConstTensorView floats(const WeightRequest& request, unsigned seed) {
    const Shape shape = request.cut_shape();
    const float scale = shape.rank() == 2 ? 0.1f : 0.3f;
    const std::vector<float> whole = support::normal_values(request.shape.elements(), seed, scale);
    const std::int64_t begin = request.cut.axis < 0 ? 0 : request.cut.begin;  // only vectors are cut
    values_.emplace_back(whole.begin() + begin, whole.begin() + begin + shape.elements());
    return view_of(static_cast<const float*>(values_.back().data()), shape);
  }

  ConstTensorView packed(const WeightRequest& request, unsigned seed) {
    const std::int64_t out = request.shape[0], in = request.shape[1];
    const bool in_files = std::ranges::find(grouped::kStored, format_) != std::end(grouped::kStored);
    const std::vector<float> floats = in_files ? std::vector<float>() : support::normal_values(out * in, seed, 0.1f);
    const std::vector<std::byte> blocks =
        in_files ? grouped::random_blocks(format_, out, in, seed) : std::vector<std::byte>();
    ConstTensorView whole = in_files ? view_of(blocks.data(), format_, {out, in}) : view_of(floats.data(), {out, in});
    const Cut& cut = request.cut;
    if (cut.axis == 0) whole = rows_of(whole, cut.begin, cut.count);
    const Shape shape = request.cut_shape();
    memory_.push_back(std::make_unique<support::GuardedBytes>(kernels::packed_bytes(format_, shape[0], shape[1])));
    std::byte* to = memory_.back()->data();
    kernels::pack_panels(format_, {.rows = whole, .in_begin = cut.axis == 1 ? cut.begin : 0}, shape[0], shape[1], 0,
                         kernels::panels_of(shape[0]), to);
    return kernels::packed_view(to, format_, shape[0], shape[1]);
  }

  Format format_;
  std::mutex mutex_;  // ranks are threads
  std::map<std::string, ConstTensorView> views_;
  std::vector<std::vector<float>> values_;
  std::vector<std::unique_ptr<support::GuardedBytes>> memory_;
};

MoESpec spec() {
  return {.hidden_dim = kHidden,
          .num_experts = kExperts,
          .router = {.top_k = 2, .renormalise = true, .bias = true},
          .expert = {.ffn_dim = kExpertFfn, .bias = true},
          .shared = SwiGLU(kHidden, kSharedFfn),
          .shared_gate = true,
          .dense = SwiGLU(kHidden, kDenseFfn)};
}

std::vector<float> run(StoredWeights& stored, const MoEImplConfig& impl, const std::vector<float>& x, std::int64_t rank,
                       std::int64_t ranks, std::int64_t threads, Communicator& communicator) {
  const Context context{.traits = query_device_traits(), .rank = rank, .ranks = ranks};
  MoEWeights weights;
  bind_weights(weights, spec(), impl, {}, context, stored);
  const MoE moe(spec(), weights, impl, context);
  support::TestExec exec(threads, communicator);
  const std::int64_t rows = static_cast<std::int64_t>(x.size()) / kHidden;
  std::vector<float> y(x.size());
  moe.forward(*exec, view_of(x.data(), {rows, kHidden}), view_of(y.data(), {rows, kHidden}));
  return y;
}

class MoEFormats : public testing::TestWithParam<Format> {};

TEST_P(MoEFormats, RanksAgree) {
  StoredWeights stored(GetParam());
  const std::vector<float> x = support::normal_values(kRows * kHidden, 9);
  for (const Strategy strategy : {Strategy::kAccuracy, Strategy::kInvariant}) {
    const MoEImplConfig impl = default_impl_config(spec(), query_device_traits(), strategy);
    const std::vector<float> alone = run(stored, impl, x, 0, 1, 1, self_communicator());
    ASSERT_GT(max_abs_error(std::vector<float>(alone.size()), alone), 1e-3);
    // Seven ranks leave some without an expert.
    for (const std::int64_t ranks : {2, 3, 4, 7}) {
      run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
        const std::vector<float> many = run(stored, impl, x, rank, ranks, 2, communicator);
        if (strategy == Strategy::kInvariant) {
          EXPECT_EQ(many, alone) << ranks << " ranks";
        } else {
          // Sums of up to 768 products, twice in a row.
          EXPECT_LT(max_relative_error(alone, many), 8 * support::kEpsF32 * std::sqrt(2.0 * kSharedFfn)) << ranks;
        }
      });
    }
  }
}

TEST_P(MoEFormats, InvariantRowsAreBitwiseEqualInAnyBatch) {
  StoredWeights stored(GetParam());
  const std::vector<float> x = support::normal_values(64 * kHidden, 9);
  const MoEImplConfig impl = default_impl_config(spec(), query_device_traits(), Strategy::kInvariant);
  const std::vector<float> all = run(stored, impl, x, 0, 1, 2, self_communicator());
  for (const std::int64_t rows : {1, 2, 7, 33}) {
    const std::int64_t first = 64 - rows;
    run_ranks(3, [&](std::int64_t rank, Communicator& communicator) {
      const std::vector<float> some(x.begin() + first * kHidden, x.end());
      const std::vector<float> got = run(stored, impl, some, rank, 3, 1 + rank, communicator);
      EXPECT_TRUE(std::equal(got.begin(), got.end(), all.begin() + first * kHidden)) << rows << " rows";
    });
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, MoEFormats,
                         testing::Values(Format::kQ4_0, Format::kQ4_1, Format::kQ5_0, Format::kQ5_1, Format::kQ8_0,
                                         Format::kQ4_K, Format::kQ5_K, Format::kQ6_K, Format::kInt8, Format::kInt4,
                                         Format::kBfp8B, Format::kBfp4B, Format::kQ2_K, Format::kQ3_K, Format::kIQ4_XS,
                                         Format::kTQ2_0),
                         [](const auto& f) { return grouped::case_name(f.param); });

}  // namespace
}  // namespace ttt
