#include "models/encoder/encoder.h"

#include "runtime/decoder_config.h"

namespace ttt {
namespace {

std::string weight(std::string_view stem) { return text(stem, ".weight"); }
std::string bias(std::string_view stem) { return text(stem, ".bias"); }

class VocabularyHead final : public EncoderHead {
 public:
  VocabularyHead(LMHead head, std::int64_t vocab) : head_(std::move(head)), vocab_(vocab) {}
  void forward(Exec& exec, const Step& step, ConstTensorView x, TensorView output) const override {
    head_.forward(exec, x, step.wanted_rows, output);
  }
  OutputKind kind() const override { return OutputKind::kLogits; }
  std::int64_t size() const override { return vocab_; }

 private:
  LMHead head_;
  std::int64_t vocab_;
};

}  // namespace

std::unique_ptr<EncoderHead> make_vocabulary_head(LMHead head, std::int64_t vocab) {
  return std::make_unique<VocabularyHead>(std::move(head), vocab);
}

AttentionNames attention_names(std::string_view q, std::string_view k, std::string_view v, std::string_view o) {
  return {.q = weight(q),
          .k = weight(k),
          .v = weight(v),
          .o = weight(o),
          .q_bias = bias(q),
          .k_bias = bias(k),
          .v_bias = bias(v),
          .o_bias = bias(o)};
}

MLPNames mlp_names(std::string_view up, std::string_view down) {
  return {.up = weight(up), .down = weight(down), .up_bias = bias(up), .down_bias = bias(down)};
}

GatedMLPNames gated_mlp_names(std::int64_t ffn, std::string_view gate_up, std::string_view down) {
  GatedMLPNames names = fused_gate_up(ffn, weight(gate_up), bias(gate_up));
  names.down = weight(down);
  names.down_bias = bias(down);
  return names;
}

EncoderShape read_encoder_shape(ConfigReader& config, const EncoderShape& absent) {
  EncoderShape s{.hidden = config.integer("hidden_size", absent.hidden, kWidths),
                 .layers = config.integer("num_hidden_layers", absent.layers, {.min = 1, .max = 4096}),
                 .heads = config.integer("num_attention_heads", absent.heads, kCounts)};
  if (absent.ffn > 0) s.ffn = config.integer("intermediate_size", absent.ffn, kWidths);
  check_heads(config, "hidden_size", s.hidden, s.heads);
  return s;
}

void check_heads(const ConfigReader& config, std::string_view key, std::int64_t hidden, std::int64_t heads) {
  if (hidden % heads != 0) config.refuse(key, text("wanted a multiple of the ", heads, " heads, got ", hidden));
}

}  // namespace ttt
