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

// Of each row by itself.
class RowHead final : public EncoderHead {
 public:
  RowHead(const Scope& scope, const MaskedLMHeadSpec& s, OutputKind kind)
      : kind_(kind),
        hidden_(s.decoder.input_dim),
        size_(s.decoder.output_dim),
        transform_(scope, s.transform),
        decoder_(make<Dense>(scope / s.decoder_path, s.decoder, s.decoder_names)) {}
  void forward(Exec& exec, const Step& step, ConstTensorView x, TensorView output) const override {
    Scratch::Frame frame(exec.scratch);
    const TensorView rows = frame.take({static_cast<std::int64_t>(step.wanted_rows.size()), hidden_});
    exec.launch(kernels::gather_rows, {.x = x, .index = step.wanted_rows, .y = rows});
    transform_.forward(exec, rows);
    decoder_.forward(exec, rows, output);
  }
  OutputKind kind() const override { return kind_; }
  std::int64_t size() const override { return size_; }

 private:
  OutputKind kind_;
  std::int64_t hidden_, size_;
  Transform transform_;
  Dense decoder_;
};

// The first row of each sequence and the mean of its others, side by side.
class FirstAndOthers {
 public:
  FirstAndOthers(const Scope& scope, std::int64_t hidden)
      : hidden_(hidden),
        first_(make<Pooling>(scope / "first", {.hidden_dim = hidden, .kind = PoolingKind::kCls})),
        others_(make<Pooling>(scope / "others", {.hidden_dim = hidden, .kind = PoolingKind::kMean})) {}

  // pooled: [seqs, 2 * hidden], dense. A single row, which only plans have, stands for the others too.
  void forward(Exec& exec, ConstTensorView x, const BatchView& batch, TensorView pooled) const {
    const TensorView halves = view_of(pooled.row<float>(0), {2 * batch.seqs(), hidden_});
    for (std::int64_t s = 0; s < batch.seqs(); ++s) {
      const auto at = static_cast<std::size_t>(s);
      const std::int64_t begin = batch.row_begin[at], rows = batch.row_begin[at + 1] - begin;
      const auto pool = [&](const Pooling& pooling, std::int64_t from, std::int64_t count, std::int64_t half) {
        const std::array<std::int64_t, 2> ends{0, count};
        BatchView one;  // positions and work lists are not read
        one.row_begin = ends;
        one.past = batch.past.subspan(at, 1);
        pooling.forward(exec, rows_of(x, from, count), one, rows_of(halves, 2 * s + half, 1));
      };
      pool(first_, begin, rows, 0);
      pool(others_, rows > 1 ? begin + 1 : begin, std::max(rows - 1, std::int64_t{1}), 1);
    }
  }

 private:
  std::int64_t hidden_;
  Pooling first_, others_;
};

class SequenceClassHead final : public EncoderHead {
 public:
  SequenceClassHead(const Scope& scope, const SequenceClassHeadSpec& s)
      : hidden_(s.pooling.hidden_dim * (s.mean_of_others ? 2 : 1)),
        classes_(s.classifier.output_dim),
        transform_(scope, s.transform),
        classifier_(make<Dense>(scope / s.classifier_path, s.classifier)) {
    const Scope place = scope / s.pooling_path;
    if (s.mean_of_others) both_.emplace_back(place, s.pooling.hidden_dim);
    if (!s.mean_of_others) pooling_.push_back(make<Pooling>(place, s.pooling));
  }
  void forward(Exec& exec, const Step& step, ConstTensorView x, TensorView output) const override {
    const std::int64_t seqs = step.batch.seqs();
    Scratch::Frame frame(exec.scratch);
    const TensorView pooled = frame.take({seqs, hidden_}), classes = frame.take({seqs, classes_});
    for (const Pooling& pooling : pooling_) pooling.forward(exec, x, step.batch, pooled);
    for (const FirstAndOthers& both : both_) both.forward(exec, x, step.batch, pooled);
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
  // One of the two has one.
  std::vector<Pooling> pooling_;
  std::vector<FirstAndOthers> both_;
  Transform transform_;
  Dense classifier_;
};

}  // namespace

std::unique_ptr<EncoderHead> make_state_head(std::int64_t hidden) { return std::make_unique<StateHead>(hidden); }

std::unique_ptr<EncoderHead> make_masked_lm_head(const Scope& scope, const MaskedLMHeadSpec& spec) {
  return std::make_unique<RowHead>(scope, spec, OutputKind::kLogits);
}

std::unique_ptr<EncoderHead> make_token_class_head(const Scope& scope, const TokenClassHeadSpec& spec) {
  const MaskedLMHeadSpec head{
      .transform = spec.transform, .decoder = spec.classifier, .decoder_path = spec.classifier_path};
  return std::make_unique<RowHead>(scope, head, OutputKind::kTokenClasses);
}

std::unique_ptr<EncoderHead> make_sequence_class_head(const Scope& scope, const SequenceClassHeadSpec& spec) {
  return std::make_unique<SequenceClassHead>(scope, spec);
}

OutputKind read_output_kind(ConfigReader& config, std::optional<OutputKind> asked, const HeadTensors& has) {
  const ConfigReader::Part part(config, "read_output_kind");
  struct Ending {
    std::string_view text;
    OutputKind kind;
  };
  constexpr std::array<Ending, 7> kEndings{{{"ForMaskedLM", OutputKind::kLogits},
                                            {"ForPreTraining", OutputKind::kLogits},
                                            {"ForSequenceClassification", OutputKind::kClasses},
                                            {"ForImageClassification", OutputKind::kClasses},
                                            {"ForTokenClassification", OutputKind::kTokenClasses},
                                            {"ForQuestionAnswering", OutputKind::kTokenClasses},
                                            {"Model", OutputKind::kHiddenStates}}};
  const std::vector<std::string> names = config.strings("architectures");
  const auto* of_name = kEndings.end();
  if (!names.empty()) {
    of_name = std::ranges::find_if(kEndings, [&](const Ending& e) { return names[0].ends_with(e.text); });
  }
  const auto named = [&](OutputKind kind) { return of_name != kEndings.end() && of_name->kind == kind; };
  const auto there = [&](OutputKind kind) {
    switch (kind) {
      case OutputKind::kLogits:
        return has.masked_lm;
      case OutputKind::kClasses:
        return has.classes && !named(OutputKind::kTokenClasses);
      case OutputKind::kTokenClasses:
        return has.token_classes && !named(OutputKind::kClasses);
      case OutputKind::kHiddenStates:
        break;
    }
    return true;
  };
  if (asked) {
    if (!there(*asked))
      config.unsupported("architectures", text("has no head for ", name_of(*asked), ", which was asked for"));
    return *asked;
  }
  if (names.empty()) {
    for (const OutputKind kind : {OutputKind::kClasses, OutputKind::kLogits, OutputKind::kTokenClasses}) {
      if (there(kind)) return kind;
    }
    return OutputKind::kHiddenStates;
  }
  if (of_name == kEndings.end()) config.unsupported("architectures", text('"', names[0], "\" is not supported"));
  // Directories of embedding models keep the name of the checkpoint that they came from, without its head.
  return there(of_name->kind) ? of_name->kind : OutputKind::kHiddenStates;
}

std::int64_t read_classes(ConfigReader& config) {
  const Json* names = config.value("id2label");
  if (names == nullptr) return config.integer("num_labels", 2, {.min = 1, .max = 1 << 20});
  const auto count = static_cast<std::int64_t>(names->as_object(config.where()).size());
  if (count < 1) config.refuse("id2label", "wanted at least one label, got none");
  return count;
}

}  // namespace ttt
