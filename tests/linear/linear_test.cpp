#include "linear/linear.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/error.h"
#include "kernels/dense_cases.h"
#include "kernels/formats/packed.h"

namespace ttt {
namespace {

using kernels::ActivationForm;
using testing::DenseMatrix;
using testing::dot_reference;
using testing::random_floats;
using testing::Reference;

Context context_at(IsaLevel isa) { return {.traits = with_isa(query_device_traits(), isa)}; }

void expect_rows(const std::vector<float>& y, const std::vector<float>& x, DenseMatrix& w, const float* bias,
                 bool rounded, std::int64_t rows) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t o = 0; o < w.out; ++o) {
      const Reference want = dot_reference(x.data() + r * w.in, rounded, w.values.data() + o * w.in, w.in);
      const double b = bias == nullptr ? 0 : static_cast<double>(bias[o]);
      ASSERT_NEAR(static_cast<double>(y[static_cast<std::size_t>(r * w.out + o)]), want.value + b,
                  want.tolerance + 0x1p-23 * (std::abs(want.value) + std::abs(b)))
          << "rows " << rows << " at " << r << ", " << o;
    }
  }
}

class LinearLevels : public ::testing::TestWithParam<IsaLevel> {
 protected:
  testing::ExecParts parts_;
};

// Three weights of three formats and one input: two forms at the highest level, one elsewhere.
TEST_P(LinearLevels, SeveralFormatsOfOneInput) {
  constexpr std::int64_t kIn = 65;
  DenseMatrix a(Format::kBF16, 33, kIn, 0, 0, 1), b(Format::kF32, 9, kIn, 0, 0, 2), c(Format::kF16, 50, kIn, 0, 0, 3);
  const std::vector<float> bias = random_floats(9, 4);
  const bool dots = GetParam() >= IsaLevel::kAvx512Bf16;
  const Linear linear({{a.view(), {}}, {b.view(), view_of(bias.data(), {9})}, {c.view(), {}}}, {},
                      context_at(GetParam()));
  const bool rounded = linear.kernel(0, 1).form == ActivationForm::kBF16;
  EXPECT_EQ(rounded, dots && kernels::bf16_dots_pay(context_at(GetParam()).traits));
  for (const std::int64_t rows : {0, 1, 2, 3, 5, 7, 8, 9, 16, 17, 64, 65, 130}) {
    const std::vector<float> x = random_floats(rows * kIn, 5);
    std::vector<float> ya(static_cast<std::size_t>(rows * 33)), yb(static_cast<std::size_t>(rows * 9)),
        yc(static_cast<std::size_t>(rows * 50));
    Scratch::Frame frame(parts_.scratch);
    const Linear::Prepared p = linear.prepare(parts_.exec, frame, view_of(x.data(), {rows, kIn}));
    linear.run(parts_.exec, p,
               {{.y = view_of(ya.data(), {rows, 33})},
                {.y = view_of(yb.data(), {rows, 9})},
                {.y = view_of(yc.data(), {rows, 50})}});
    expect_rows(ya, x, a, nullptr, rounded, rows);
    expect_rows(yb, x, b, bias.data(), false, rows);
    expect_rows(yc, x, c, nullptr, false, rows);
  }
}

TEST_P(LinearLevels, OneKernelGivesEqualRows) {
  constexpr std::int64_t kIn = 100, kOut = 70, kMost = 130;
  DenseMatrix w(Format::kBF16, kOut, kIn, 0, 0, 6);
  const Linear linear({{w.view(), {}}}, {.one_kernel = true}, context_at(GetParam()));
  const std::vector<float> x = random_floats(kMost * kIn, 7);
  std::vector<float> whole;
  for (const std::int64_t rows : {kMost, std::int64_t{1}, std::int64_t{7}, std::int64_t{40}}) {
    EXPECT_EQ(linear.kernel(0, rows).name, linear.kernel(0, 1).name);
    std::vector<float> y(static_cast<std::size_t>(rows * kOut));
    Scratch::Frame frame(parts_.scratch);
    linear.run(parts_.exec, linear.prepare(parts_.exec, frame, view_of(x.data(), {rows, kIn})),
               {{.y = view_of(y.data(), {rows, kOut})}});
    if (whole.empty()) whole = y;
    for (std::size_t i = 0; i < y.size(); ++i) ASSERT_EQ(y[i], whole[i]) << rows;
  }
}

TEST_P(LinearLevels, ActivatesAndAccumulates) {
  constexpr std::int64_t kIn = 32, kOut = 40;
  DenseMatrix w(Format::kF32, kOut, kIn, 0, 0, 8);
  const Context context = context_at(GetParam());
  const Linear linear({{w.view(), {}}}, {}, context);
  for (const std::int64_t rows : {2, 20}) {
    const std::vector<float> x = random_floats(rows * kIn, 9);
    std::vector<float> y(static_cast<std::size_t>(rows * kOut), 3.0f);
    Scratch::Frame frame(parts_.scratch);
    linear.run(parts_.exec, linear.prepare(parts_.exec, frame, view_of(x.data(), {rows, kIn})),
               {{.y = view_of(y.data(), {rows, kOut}),
                 .activate = kernels::select_activation(context.traits, Activation::kRelu),
                 .accumulate = true}});
    for (std::int64_t i = 0; i < rows * kOut; ++i) {
      const Reference dot = dot_reference(x.data() + i / kOut * kIn, false, w.values.data() + i % kOut * kIn, kIn);
      EXPECT_NEAR(static_cast<double>(y[static_cast<std::size_t>(i)]), std::max(dot.value, 0.0) + 3,
                  dot.tolerance + 4 * 0x1p-24 * (std::abs(dot.value) + 3));
    }
  }
}

// A result that is stored past the caches has the bits of its parts, which are not.
TEST_P(LinearLevels, ALargeResultIsThatOfItsParts) {
  constexpr std::int64_t kIn = 32, kRows = 2050, kPart = 82;
  const std::vector<float> x = random_floats(kRows * kIn, 13);
  for (const std::int64_t out : {520, 528}) {  // the second begins every row where a line begins, if the first does
    DenseMatrix dense(Format::kF32, out, kIn, 0, 0, 14);
    std::vector<std::byte> packed(static_cast<std::size_t>(kernels::packed_bytes(Format::kQ8_0, out, kIn)));
    kernels::pack_panels(Format::kQ8_0, {.rows = dense.view()}, out, kIn, 0, kernels::panels_of(out), packed.data());
    const ConstTensorView grouped = kernels::packed_view(packed.data(), Format::kQ8_0, out, kIn);
    for (const ConstTensorView& w : {dense.view(), grouped}) {
      const Linear linear({{w, {}}}, {.one_kernel = true}, context_at(GetParam()));
      Buffer memory(kRows * out * 4);
      const TensorView whole = view_of(reinterpret_cast<float*>(memory.data()), {kRows, out});
      ASSERT_TRUE(kernels::is_streamed({.w = w, .y = whole}));
      const auto run = [&](std::int64_t begin, std::int64_t rows, TensorView y) {
        Scratch::Frame frame(parts_.scratch);
        linear.run(parts_.exec, linear.prepare(parts_.exec, frame, view_of(x.data() + begin * kIn, {rows, kIn})),
                   {{.y = y}});
      };
      run(0, kRows, whole);
      for (std::int64_t begin = 0; begin < kRows; begin += kPart) {
        std::vector<float> y(static_cast<std::size_t>(kPart * out));
        run(begin, kPart, view_of(y.data(), {kPart, out}));
        ASSERT_EQ(std::memcmp(y.data(), whole.row<float>(begin), y.size() * 4), 0) << out << " from " << begin;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, LinearLevels, ::testing::ValuesIn(testing::machine_levels()),
                         [](const auto& level) { return std::string(name_of(level.param)); });

// A dense and a grouped weight of one input: f32 rows for the one, int8 codes for the other.
TEST(Linear, DenseBesideGrouped) {
  constexpr std::int64_t kIn = 64, kOut = 20;
  testing::ExecParts parts;
  DenseMatrix dense(Format::kF32, kOut, kIn, 0, 0, 11);
  std::vector<std::byte> packed(static_cast<std::size_t>(kernels::packed_bytes(Format::kQ8_0, kOut, kIn)));
  kernels::pack_panels(Format::kQ8_0, {.rows = dense.view()}, kOut, kIn, 0, (kOut + 15) / 16, packed.data());
  const ConstTensorView grouped{packed.data(), Format::kQ8_0, Layout::kPanels, {kOut, kIn}, 0};
  const Linear linear({{dense.view(), {}}, {grouped, {}}}, {}, {.traits = query_device_traits()});
  EXPECT_EQ(linear.kernel(0, 4).form, ActivationForm::kF32);
  EXPECT_EQ(linear.kernel(1, 4).form, ActivationForm::kInt8);
  for (const std::int64_t rows : {1, 4, 40}) {
    const std::vector<float> x = random_floats(rows * kIn, 12);
    std::vector<float> y(static_cast<std::size_t>(rows * kOut)), z(y.size());
    Scratch::Frame frame(parts.scratch);
    linear.run(parts.exec, linear.prepare(parts.exec, frame, view_of(x.data(), {rows, kIn})),
               {{.y = view_of(y.data(), {rows, kOut})}, {.y = view_of(z.data(), {rows, kOut})}});
    expect_rows(y, x, dense, nullptr, false, rows);
    // Codes of 8 bits on both sides: half a step each of weights up to 1 and inputs up to 2, over 64 products.
    for (std::size_t i = 0; i < z.size(); ++i) EXPECT_NEAR(z[i], y[i], 64 * (2 * 0.5 / 127 + 0.5 * 2 / 127));
  }
}

TEST(Linear, PlansWithoutTouchingData) {
  ThreadPool threads(1);
  Scratch scratch = Scratch::planned();
  class Counter final : public Observer {
   public:
    void done(const Place&, TensorView) override {}
    void launched(double operations, double bytes) override { total += operations, moved += bytes; }
    bool counts() const override { return true; }
    bool observes(const Place&) const override { return false; }
    double total = 0, moved = 0;
  } counter;
  Exec exec(threads, scratch, self_communicator(), counter, Exec::Mode::kPlan);
  const ConstTensorView w{nullptr, Format::kBF16, Layout::kRowMajor, {48, 64}, 128};
  const Linear linear({{w, {}}}, {.activation = ActivationForm::kF32}, {.traits = query_device_traits()});
  Scratch::Frame frame(scratch);
  const TensorView x = frame.take({20, 64}), y = frame.take({20, 48});
  linear.run(exec, linear.prepare(exec, frame, x), {{.y = y}});
  EXPECT_EQ(counter.total, 2.0 * 20 * 64 * 48 + 20 * 64);
  EXPECT_GE(counter.moved, 2.0 * 64 * 48);
  EXPECT_EQ(scratch.peak(), 20 * 64 * 4 + 20 * 48 * 4 + 32 * 64 * 4);
}

TEST(Linear, RefusesBadInput) {
  const Context context{.traits = query_device_traits(), .place = {.index = -1, .path = "a.b"}};
  const auto view = [](Format f, Shape s) { return ConstTensorView{nullptr, f, Layout::kRowMajor, s, 0}; };
  const auto message = [&](std::vector<LinearWeight> weights, const LinearImplConfig& impl) -> std::string {
    try {
      const Linear linear(weights, impl, context);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  const LinearWeight good{view(Format::kF32, {8, 4}), {}};
  EXPECT_EQ(message({}, {}), "[a.b] weights wanted 1 to 4, got 0");
  EXPECT_EQ(message({good, good, good, good, good}, {}), "[a.b] weights wanted 1 to 4, got 5");
  EXPECT_EQ(message({{view(Format::kF32, {8}), {}}}, {}), "[a.b] weight 0 wanted [out, in], got [8]");
  EXPECT_EQ(message({good, {view(Format::kF32, {8, 5}), {}}}, {}), "[a.b] weight 1 wanted [8, 4], got [8, 5]");
  EXPECT_EQ(message({{good.weight, view(Format::kF32, {7})}}, {}), "[a.b] bias 0 wanted f32 [8], got f32 [7]");
  EXPECT_EQ(message({{good.weight, view(Format::kF16, {8})}}, {}), "[a.b] bias 0 wanted f32 [8], got f16 [8]");
  EXPECT_NE(message({good}, {.activation = ActivationForm::kInt8}).find("[a.b] matrix product of f32 weights"),
            std::string::npos);

  testing::ExecParts parts;
  DenseMatrix w(Format::kF32, 3, 4, 0, 0, 1);
  const Linear linear({{w.view(), {}}}, {}, context);
  const std::vector<float> x(10);
  std::vector<float> y(10);
  Scratch::Frame frame(parts.scratch);
  EXPECT_THROW(linear.prepare(parts.exec, frame, view_of(x.data(), {2, 5})), Error);
  const Linear::Prepared p = linear.prepare(parts.exec, frame, view_of(x.data(), {2, 4}));
  EXPECT_THROW(linear.run(parts.exec, p, {{.y = view_of(y.data(), {2, 4})}}), Error);
  EXPECT_THROW(linear.run(parts.exec, p, std::span<const LinearOutput>()), Error);
}

}  // namespace
}  // namespace ttt
