#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

#include "base/context.h"
#include "base/exec.h"
#include "base/scratch.h"
#include "base/tensor.h"
#include "kernels/activation/activation.h"
#include "kernels/matmul/matmul.h"

namespace ttt {

// y_i[r, :] = epilogue_i(x[r, :] w_i^T + bias_i): one input times several weights, each in its own format. The input is
// prepared once for all of them.

struct LinearWeight {
  ConstTensorView weight = {};  // [out, in], dense row-major or packed panels
  ConstTensorView bias = {};    // [out], f32; absent: none
};

struct LinearImplConfig {
  // Absent: int8 for grouped weights, bf16 for bf16 weights where that is faster (bf16_dots_pay), else f32.
  std::optional<kernels::ActivationForm> activation = {};
  // The same kernel for every number of rows: a row's result is bitwise the same whatever rows are computed with it,
  // and on however many ranks (ProjectionSplit).
  bool one_kernel = false;
  // Exactly decoded weights and sums in double precision, activations in f32; slow. A block that holds this config
  // takes its other kernels in double precision too.
  bool reference = false;

  bool operator==(const LinearImplConfig&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("activation", self.activation);
    visit("one_kernel", self.one_kernel);
    visit("reference", self.reference);
  }
};

// The output of the product with one weight: y = activate(x w^T + bias), or y += activate(x w^T + bias).
struct LinearOutput {
  TensorView y = {};                         // [rows, out], f32; an empty view when out is 0
  kernels::ActivationFn activate = nullptr;  // null: identity
  kernels::ActivationParams params = {};
  bool accumulate = false;
};

class Linear {
 public:
  static constexpr int kMaxWeights = 4;

  // The rows of one input as the kernels read them. Lives as long as the frame that it was prepared in.
  struct Prepared {
    std::int64_t rows = 0;
    kernels::RowClass row_class = kernels::RowClass::kFew;
    std::array<kernels::PreparedRows, kMaxWeights> forms = {};  // by Plan::Class::forms
  };

  // 1 to kMaxWeights weights of equal `in`. Throws Error naming context.place when a weight has no kernel.
  Linear(std::span<const LinearWeight> weights, const LinearImplConfig& impl, const Context& context);
  Linear(std::initializer_list<LinearWeight> weights, const LinearImplConfig& impl, const Context& context)
      : Linear(std::span(weights.begin(), weights.size()), impl, context) {}

  // x: [rows, in], f32.
  Prepared prepare(Exec& exec, Scratch::Frame& frame, ConstTensorView x) const;
  // One output per weight, in the order of the weights.
  void run(Exec& exec, const Prepared& prepared, std::span<const LinearOutput> outputs) const;
  void run(Exec& exec, const Prepared& prepared, std::initializer_list<LinearOutput> outputs) const {
    run(exec, prepared, std::span(outputs.begin(), outputs.size()));
  }

  std::int64_t weights() const { return plan_.weights; }
  std::int64_t in() const { return plan_.in; }
  std::int64_t out(std::int64_t weight) const { return plan_.weight[static_cast<std::size_t>(weight)].dim(0); }
  // The kernel that multiplies `rows` rows with a weight, for reports and tests.
  const kernels::MatmulKernel& kernel(std::int64_t weight, std::int64_t rows) const;

 private:
  struct Plan {
    struct Form {
      kernels::ActivationForm form = kernels::ActivationForm::kF32;
      bool panels = false;
      kernels::PrepareFn prepare = nullptr;
    };
    // What a call with a number of rows of one class does.
    struct Class {
      std::uint8_t num_forms = 0;
      std::array<std::uint8_t, kMaxWeights> form_of = {};  // by weight, index into forms
      std::array<Form, kMaxWeights> forms = {};
      std::array<const kernels::MatmulKernel*, kMaxWeights> kernel = {};
    };
    Place place = {};
    std::int64_t in = 0;
    int weights = 0;
    std::array<ConstTensorView, kMaxWeights> weight = {};
    std::array<const float*, kMaxWeights> bias = {};  // [out]; null: none
    std::array<Class, kernels::kRowClasses> classes = {};
  } plan_{};

  const Plan::Class& class_of(kernels::RowClass rows) const { return plan_.classes[static_cast<std::size_t>(rows)]; }
  Plan::Class plan_class(kernels::RowClass rows, const LinearImplConfig& impl, const Context& context) const;
};

// The form of activations that a weight is multiplied with when the ImplConfig leaves it open.
kernels::ActivationForm default_activation(const DeviceTraits& traits, Format weight);

}  // namespace ttt
