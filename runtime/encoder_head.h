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

// The end of an encoder's forward: from x, the states of all rows after the last layer [rows, hidden], to the outputs
// of the wanted rows [wanted_rows.size(), size()].
class EncoderHead {
 public:
  virtual ~EncoderHead() = default;
  virtual void forward(Exec& exec, const Step& step, ConstTensorView x, TensorView output) const = 0;
  virtual OutputKind kind() const = 0;
  virtual std::int64_t size() const = 0;
};

// The states, unchanged.
std::unique_ptr<EncoderHead> make_state_head(std::int64_t hidden);

// A dense layer and a norm after it, where there is one; without a path there is neither.
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

// classes = transform(row) w^T + b, of each row: heads for tokens, and for the ends of an answer.
struct TokenClassHeadSpec {
  HeadTransform transform = {};
  DenseSpec classifier = {};
  std::string_view classifier_path = {};
};
std::unique_ptr<EncoderHead> make_token_class_head(const Scope& scope, const TokenClassHeadSpec& spec);

// classes = transform(pooled rows of the sequence) w^T + b; every wanted row has those of its sequence.
struct SequenceClassHeadSpec {
  PoolingSpec pooling = {};
  bool mean_of_others = false;  // with cls: the mean of the other rows follows, and the pooled row is twice as wide
  HeadTransform transform = {};
  DenseSpec classifier = {};
  std::string_view pooling_path = "pooling", classifier_path = {};
};
std::unique_ptr<EncoderHead> make_sequence_class_head(const Scope& scope, const SequenceClassHeadSpec& spec);

// The heads whose tensors a checkpoint has. `classifier` of some families may be of texts or of tokens: both are set
// then, and the architecture tells them apart.
struct HeadTensors {
  bool masked_lm = false, classes = false, token_classes = false;
};
// `asked`; else the head that `architectures` names, if its tensors exist; else the head whose tensors exist.
// Error{kUnsupported} naming a requested head that is missing, or an architecture with another head.
OutputKind read_output_kind(ConfigReader& config, std::optional<OutputKind> asked, const HeadTensors& has);

// The number of classes: of id2label, else num_labels, else 2, the reference's default.
std::int64_t read_classes(ConfigReader& config);

}  // namespace ttt
