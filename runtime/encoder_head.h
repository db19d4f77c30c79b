#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "checkpoint/config_reader.h"
#include "heads/dense.h"
#include "heads/pooling.h"
#include "model/scope.h"
#include "normalization/layernorm.h"

namespace ttt {

// What the forward of an encoder ends with: from x, the states of all rows after the last layer [rows, hidden], to the
// outputs of the wanted rows [wanted_rows.size(), size()].
class EncoderHead {
 public:
  virtual ~EncoderHead() = default;
  virtual void forward(Exec& exec, const Step& step, ConstTensorView x, TensorView output) const = 0;
  virtual OutputKind kind() const = 0;
  virtual std::int64_t size() const = 0;
};

// The states as they are.
std::unique_ptr<EncoderHead> make_state_head(std::int64_t hidden);

// A dense layer with a norm behind it, where there is one; without a path there is neither.
struct HeadTransform {
  DenseSpec dense = {};
  std::string_view dense_path = {}, norm_path = {};
  std::optional<LayerNormSpec> norm = {};
};

// logits = norm(activation(x wd^T + bd)) w^T + b, of each row; Devlin et al., "BERT", 2019.
struct MaskedLMHeadSpec {
  HeadTransform transform = {};
  DenseSpec decoder = {};
  std::string_view decoder_path = {};
  DenseNames decoder_names = {};
};
std::unique_ptr<EncoderHead> make_masked_lm_head(const Scope& scope, const MaskedLMHeadSpec& spec);

// classes = transform(pooled rows of the sequence) w^T + b; every wanted row gets those of its sequence.
struct SequenceClassHeadSpec {
  PoolingSpec pooling = {};
  HeadTransform transform = {};
  DenseSpec classifier = {};
  std::string_view pooling_path = "pooling", classifier_path = {};
};
std::unique_ptr<EncoderHead> make_sequence_class_head(const Scope& scope, const SequenceClassHeadSpec& spec);

// What a checkpoint holds beside its layers.
struct HeadTensors {
  bool masked_lm = false, classes = false;
};
// `asked`, else what `architectures` names where its tensors are there, else what the tensors are. Error{kUnsupported}
// naming what is asked for and missing, or an architecture with another head.
OutputKind read_output_kind(ConfigReader& config, std::optional<OutputKind> asked, const HeadTensors& has);

// How many classes: of id2label, else num_labels, else the two of the reference's default.
std::int64_t read_classes(ConfigReader& config);

}  // namespace ttt
