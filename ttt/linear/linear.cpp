#include "linear/linear.h"

#include <type_traits>

#include "base/error.h"
#include "kernels/matmul/matmul_dense.h"
#include "kernels/matmul/matmul_reference.h"

namespace ttt {

using kernels::ActivationForm;
using kernels::MatmulProblem;
using kernels::RowClass;

kernels::ActivationForm default_activation(const DeviceTraits& traits, Format weight) {
  if (is_grouped(weight)) return ActivationForm::kInt8;
  return weight == Format::kBF16 && kernels::bf16_dots_pay(traits) ? ActivationForm::kBF16 : ActivationForm::kF32;
}

Linear::Linear(std::span<const LinearWeight> weights, const LinearImplConfig& impl, const Context& context) {
  static_assert(std::is_trivially_copyable_v<Plan>);
  // A model with experts has tens of thousands of these.
  static_assert(sizeof(Plan) <= 576);
  const std::string_view name = context.name_or("Linear");
  require(!weights.empty() && weights.size() <= std::size_t{kMaxWeights}, ErrorKind::kUsage, "[", name,
          "] weights wanted 1 to ", kMaxWeights, ", got ", weights.size());
  require(!impl.reference || impl.activation.value_or(ActivationForm::kF32) == ActivationForm::kF32, ErrorKind::kUsage,
          "[", name, "] reference wanted activation f32, got ",
          kernels::name_of(impl.activation.value_or(ActivationForm::kF32)));
  plan_.place = context.place;
  plan_.weights = static_cast<int>(weights.size());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const LinearWeight& w = weights[i];
    require(w.weight.shape.rank() == 2, ErrorKind::kBadData, "[", name, "] weight ", i, " wanted [out, in], got ",
            w.weight.shape.to_string());
    if (i == 0) plan_.in = w.weight.dim(1);
    require(w.weight.dim(1) == plan_.in, ErrorKind::kBadData, "[", name, "] weight ", i, " wanted [", w.weight.dim(0),
            ", ", plan_.in, "], got ", w.weight.shape.to_string());
    require(!w.bias || (w.bias.shape == Shape{w.weight.dim(0)} && w.bias.format == Format::kF32), ErrorKind::kBadData,
            "[", name, "] bias ", i, " wanted f32 [", w.weight.dim(0), "], got ", name_of(w.bias.format), " ",
            w.bias.shape.to_string());
    plan_.weight[i] = w.weight;
    // Nothing is read of a weight without inputs, so any kernel does: the one that needs no packing.
    if (plan_.in == 0) plan_.weight[i] = {nullptr, Format::kF32, Layout::kRowMajor, w.weight.shape, 0};
    plan_.bias[i] = w.bias ? w.bias.row<float>(0) : nullptr;
  }
  try {
    using enum RowClass;
    for (const RowClass rows : {kFew, kMany}) {
      plan_.classes[static_cast<std::size_t>(rows)] = plan_class(impl.one_kernel ? kMany : rows, impl, context);
    }
  } catch (const Error& e) {
    ErrorParts parts = e.parts();
    parts.block = name;
    fail(e.kind(), std::move(parts));
  }
}

Linear::Plan::Class Linear::plan_class(RowClass rows, const LinearImplConfig& impl, const Context& context) const {
  Plan::Class c;
  for (std::size_t i = 0; i < static_cast<std::size_t>(plan_.weights); ++i) {
    const ConstTensorView& w = plan_.weight[i];
    ActivationForm form = impl.activation.value_or(default_activation(context.traits, w.format));
    if (plan_.in == 0 || impl.reference) form = ActivationForm::kF32;
    c.kernel[i] = impl.reference ? &kernels::select_reference_matmul(w.format, w.layout)
                                 : &kernels::select_matmul(context.traits, w.format, w.layout, form, rows);
    const bool panels = c.kernel[i]->panels;
    std::uint8_t f = 0;
    while (f < c.num_forms && (c.forms[f].form != form || c.forms[f].panels != panels)) ++f;
    if (f == c.num_forms)
      c.forms[c.num_forms++] = {form, panels, kernels::select_prepare(context.traits, form, panels)};
    c.form_of[i] = f;
  }
  return c;
}

const kernels::MatmulKernel& Linear::kernel(std::int64_t weight, std::int64_t rows) const {
  return *class_of(kernels::row_class_of(rows)).kernel[static_cast<std::size_t>(weight)];
}

Linear::Prepared Linear::prepare(Exec& exec, Scratch::Frame& frame, ConstTensorView x) const {
  require(x.shape.rank() == 2 && x.dim(1) == plan_.in && x.format == Format::kF32, ErrorKind::kUsage, "[",
          plan_.place.path, "] x wanted f32 [rows, ", plan_.in, "], got ", name_of(x.format), " ", x.shape.to_string());
  Prepared p{.rows = x.dim(0), .row_class = kernels::row_class_of(x.dim(0))};
  const Plan::Class& c = class_of(p.row_class);
  for (std::size_t f = 0; f < c.num_forms; ++f) {
    const Plan::Form& form = c.forms[f];
    std::byte* memory = frame.take_bytes(kernels::prepared_bytes(form.form, form.panels, p.rows, plan_.in));
    p.forms[f] = kernels::prepared_rows(form.form, form.panels, p.rows, plan_.in, memory);
    exec.launch(form.prepare, kernels::PrepareArgs{x, p.forms[f]});
  }
  return p;
}

void Linear::run(Exec& exec, const Prepared& prepared, std::span<const LinearOutput> outputs) const {
  require(outputs.size() == static_cast<std::size_t>(plan_.weights), ErrorKind::kUsage, "[", plan_.place.path,
          "] outputs wanted ", plan_.weights, ", got ", outputs.size());
  const Plan::Class& c = class_of(prepared.row_class);
  for (std::size_t f = 0; f < c.num_forms; ++f) {
    std::array<MatmulProblem, kMaxWeights> problems;
    std::size_t count = 0;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const LinearOutput& o = outputs[i];
      const std::int64_t out = plan_.weight[i].dim(0);
      require(o.y.shape == Shape{prepared.rows, out}, ErrorKind::kUsage, "[", plan_.place.path, "] y ", i, " wanted [",
              prepared.rows, ", ", out, "], got ", o.y.shape.to_string());
      if (c.form_of[i] != f || out == 0) continue;
      const ConstTensorView bias = plan_.bias[i] == nullptr ? ConstTensorView() : view_of(plan_.bias[i], {out});
      problems[count++] = {plan_.weight[i], o.y, {bias, o.activate, o.params, o.accumulate}, c.kernel[i]};
    }
    if (count == 0) continue;
    exec.launch(kernels::matmul, kernels::MatmulArgs{prepared.forms[f], std::span(problems.data(), count)});
  }
}

}  // namespace ttt
