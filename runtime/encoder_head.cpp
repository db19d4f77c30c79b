#include "runtime/encoder_head.h"

#include <algorithm>
#include <array>
#include <string>

#include "kernels/rows/rows.h"
#include "model/blocks.h"

namespace ttt {
namespace {

class StateHead final : public EncoderHead {
 public:
  explicit StateHead(std::int64_t hidden) : hidden_(hidden) {}
  void forward(Exec& exec, const Step& step, ConstTensorView x, TensorView output) const override {
    exec.launch(kernels::gather_rows, {.x = x, .index = step.wanted_rows, .y = output});
  }
  OutputKind kind() const override { return OutputKind::kHiddenStates; }
  std::int64_t size() const override { return hidden_; }

 private:
  std::int64_t hidden_;
};

class Transform {
 public:
  Transform(const Scope& scope, const HeadTransform& t) {
    if (!t.dense_path.empty()) dense_.push_back(make<Dense>(scope / t.dense_path, t.dense));
    if (t.norm) norm_.push_back(make<LayerNorm>(scope / t.norm_path, *t.norm));
  }
  void forward(Exec& exec, TensorView x) const {
    for (const Dense& dense : dense_) dense.forward(exec, x, x);
    for (const LayerNorm& norm : norm_) norm.forward(exec, x, x);
  }

 private:
  std::vector<Dense> dense_;     // one or none
  std::vector<LayerNorm> norm_;  // one or none
};

class MaskedLMHead final : public EncoderHead {
 public:
  MaskedLMHead(const Scope& scope, const MaskedLMHeadSpec& s)
      : hidden_(s.decoder.input_dim),
        vocab_(s.decoder.output_dim),
        transform_(scope, s.transform),
        decoder_(make<Dense>(scope / s.decoder_path, s.decoder, s.decoder_names)) {}
  void forward(Exec& exec, const Step& step, ConstTensorView x, TensorView output) const override {
    Scratch::Frame frame(exec.scratch);
    const TensorView rows = frame.take({static_cast<std::int64_t>(step.wanted_rows.size()), hidden_});
    exec.launch(kernels::gather_rows, {.x = x, .index = step.wanted_rows, .y = rows});
    transform_.forward(exec, rows);
    decoder_.forward(exec, rows, output);
  }
  OutputKind kind() const override { return OutputKind::kLogits; }
  std::int64_t size() const override { return vocab_; }

 private:
  std::int64_t hidden_, vocab_;
  Transform transform_;
  Dense decoder_;
};

class SequenceClassHead final : public EncoderHead {
 public:
  SequenceClassHead(const Scope& scope, const SequenceClassHeadSpec& s)
      : hidden_(s.pooling.hidden_dim),
        classes_(s.classifier.output_dim),
        pooling_(make<Pooling>(scope / s.pooling_path, s.pooling)),
        transform_(scope, s.transform),
        classifier_(make<Dense>(scope / s.classifier_path, s.classifier)) {}
  void forward(Exec& exec, const Step& step, ConstTensorView x, TensorView output) const override {
    const std::int64_t seqs = step.batch.seqs();
    Scratch::Frame frame(exec.scratch);
    const TensorView pooled = frame.take({seqs, hidden_}), classes = frame.take({seqs, classes_});
    pooling_.forward(exec, x, step.batch, pooled);
    transform_.forward(exec, pooled);
    classifier_.forward(exec, pooled, classes);
    const auto& begins = step.batch.row_begin;
    for (std::size_t i = 0; i < step.wanted_rows.size(); ++i) {
      const std::int64_t seq = std::ranges::upper_bound(begins, step.wanted_rows[i]) - begins.begin() - 1;
      exec.launch(kernels::gather_rows,
                  {.x = classes, .index = {&seq, 1}, .y = rows_of(output, static_cast<std::int64_t>(i), 1)});
    }
  }
  OutputKind kind() const override { return OutputKind::kClasses; }
  std::int64_t size() const override { return classes_; }

 private:
  std::int64_t hidden_, classes_;
  Pooling pooling_;
  Transform transform_;
  Dense classifier_;
};

}  // namespace

std::unique_ptr<EncoderHead> make_state_head(std::int64_t hidden) { return std::make_unique<StateHead>(hidden); }

std::unique_ptr<EncoderHead> make_masked_lm_head(const Scope& scope, const MaskedLMHeadSpec& spec) {
  return std::make_unique<MaskedLMHead>(scope, spec);
}

std::unique_ptr<EncoderHead> make_sequence_class_head(const Scope& scope, const SequenceClassHeadSpec& spec) {
  return std::make_unique<SequenceClassHead>(scope, spec);
}

OutputKind read_output_kind(ConfigReader& config, std::optional<OutputKind> asked, const HeadTensors& has) {
  const ConfigReader::Part part(config, "read_output_kind");
  const auto there = [&](OutputKind kind) {
    return kind == OutputKind::kHiddenStates || (kind == OutputKind::kLogits ? has.masked_lm : has.classes);
  };
  const OutputKind of_tensors = has.classes     ? OutputKind::kClasses
                                : has.masked_lm ? OutputKind::kLogits
                                                : OutputKind::kHiddenStates;
  const std::vector<std::string> names = config.strings("architectures");
  if (asked) {
    if (!there(*asked))
      config.unsupported("architectures", text("has no head for ", name_of(*asked), ", which was asked for"));
    return *asked;
  }
  if (names.empty()) return of_tensors;
  struct Ending {
    std::string_view text;
    OutputKind kind;
  };
  constexpr std::array<Ending, 5> kEndings{{{"ForMaskedLM", OutputKind::kLogits},
                                            {"ForPreTraining", OutputKind::kLogits},
                                            {"ForSequenceClassification", OutputKind::kClasses},
                                            {"ForImageClassification", OutputKind::kClasses},
                                            {"Model", OutputKind::kHiddenStates}}};
  for (const Ending& e : kEndings) {
    // Directories of embedding models keep the name of the checkpoint that they came from, without its head.
    if (names[0].ends_with(e.text)) return there(e.kind) ? e.kind : OutputKind::kHiddenStates;
  }
  config.unsupported("architectures", text('"', names[0], "\" is not supported"));
}

std::int64_t read_classes(ConfigReader& config) {
  const Json* names = config.value("id2label");
  if (names == nullptr) return config.integer("num_labels", 2, {.min = 1, .max = 1 << 20});
  const auto count = static_cast<std::int64_t>(names->as_object(config.where()).size());
  if (count < 1) config.refuse("id2label", "wanted at least one label, got none");
  return count;
}

}  // namespace ttt
