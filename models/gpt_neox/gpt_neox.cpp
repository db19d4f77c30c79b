#include "models/gpt_neox/gpt_neox.h"

#include "models/gpt_neox/gpt_neox_gguf.h"
#include "runtime/decoder_config.h"
#include "runtime/rope_config.h"

namespace ttt {
namespace {

struct Config : DecoderShape {
  std::int64_t ffn = 0;
  float eps = 0;
  bool attention_bias = true, parallel = true;
  Activation activation = Activation::kGelu;
  RoPESpec rope = {};
  std::string head_module = {};
};

Config read_config(ConfigReader& config, WeightSource& source, std::int64_t context) {
  const std::string head_module = source.has("embed_out.weight") ? "embed_out" : "lm_head";
  const std::string head = head_module + ".weight";
  // Where the configuration is silent: as GPTNeoXConfig of transformers.
  Config c{read_decoder_shape(
      config, source, {.vocab = 50432, .hidden = 6144, .layers = 44, .heads = 64, .tied = false},
      {.kv_heads = {}, .head_dim = {}, .embedding_weight = "gpt_neox.embed_in.weight", .head_weight = head})};
  c.head_module = head_module;
  config.only("head_dim", Json(c.head_dim));
  config.ignore("num_key_value_heads");
  c.ffn = config.integer("intermediate_size", 24576, kWidths);
  c.eps = static_cast<float>(config.number("layer_norm_eps", 1e-5, {.min = 0}));
  c.attention_bias = config.boolean("attention_bias", true);
  c.parallel = config.boolean("use_parallel_residual", true);
  c.activation = activation_of(config, "hidden_act", "gelu");
  c.rope = rope_spec(config, source, c.head_dim, context,
                     {.theta_key = "rotary_emb_base", .part_key = "rotary_pct", .part = 0.25, .max_positions = 2048});
  config.finish();
  return c;
}

LayerNormSpec norm_spec(const Config& c) { return {.dim = c.hidden, .eps = c.eps}; }

Attention make_attention(const Scope& s, const Config& c) {
  AttentionSpec spec = MultiHeadAttentionSpec{.hidden_dim = c.hidden, .num_heads = c.heads, .position = c.rope};
  spec.q_bias = spec.k_bias = spec.v_bias = spec.o_bias = c.attention_bias;
  AttentionNames names = interleaved_names(spec);
  names.o = "dense.weight";
  names.o_bias = "dense.bias";
  return make<Attention>(s, spec, names);
}

struct Layer {
  Layer(const Scope& s, const Config& c, std::int64_t)
      : attention_norm(make<LayerNorm>(s / "input_layernorm", norm_spec(c))),
        attention(make_attention(s / "attention", c)),
        ffn_norm(make<LayerNorm>(s / "post_attention_layernorm", norm_spec(c))),
        ffn(make<MLP>(s / "mlp", {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation, .bias = true},
                      {.up = "dense_h_to_4h.weight",
                       .down = "dense_4h_to_h.weight",
                       .up_bias = "dense_h_to_4h.bias",
                       .down_bias = "dense_4h_to_h.bias"})) {}

  LayerNorm attention_norm;
  Attention attention;
  LayerNorm ffn_norm;
  MLP ffn;
};

// Both parts of a layer read its input, or the feed-forward reads what attention left. One of the two lists is empty.
class GptNeox final : public Model {
 public:
  GptNeox(const Scope& s, const Config& c)
      : hidden_(c.hidden),
        vocab_(c.vocab),
        embedding_(make<TokenEmbedding>(s / "gpt_neox" / "embed_in", {.vocab_size = c.vocab, .hidden_dim = c.hidden},
                                        {.weight = c.embedding})),
        parallel_layers_(make_layers<Layer>(s / "gpt_neox" / "layers", c.parallel ? c.layers : 0, c)),
        layers_(make_layers<Layer>(s / "gpt_neox" / "layers", c.parallel ? 0 : c.layers, c)),
        final_norm_(make<LayerNorm>(s / "gpt_neox" / "final_layer_norm", norm_spec(c))),
        head_(make<LMHead>(s / c.head_module,
                           {.hidden_dim = c.hidden, .vocab_size = c.vocab, .tie_word_embeddings = c.tied},
                           {.weight = c.head})) {}

  void forward(Exec& exec, const Step& step, TensorView logits) const override {
    Scratch::Frame frame(exec.scratch);
    const Shape shape{step.rows(), hidden_};
    const TensorView x = frame.take(shape), normed = frame.take(shape), ffn_input = frame.take(shape);
    embedding_.forward(exec, step.ids, x);
    for (const Layer& l : parallel_layers_) {
      l.attention_norm.forward(exec, x, normed);
      l.ffn_norm.forward(exec, x, ffn_input);
      l.attention.forward_add(exec, normed, step, x);
      l.ffn.forward_add(exec, ffn_input, x);
    }
    for (const Layer& l : layers_) {
      l.attention_norm.forward(exec, x, normed);
      l.attention.forward_add(exec, normed, step, x);
      l.ffn_norm.forward(exec, x, normed);
      l.ffn.forward_add(exec, normed, x);
    }
    final_norm_.forward(exec, x, normed);
    head_.forward(exec, normed, step.wanted_rows, logits);
  }
  std::int64_t vocab_size() const override { return vocab_; }

 private:
  std::int64_t hidden_, vocab_;
  TokenEmbedding embedding_;
  std::vector<Layer> parallel_layers_, layers_;
  LayerNorm final_norm_;
  LMHead head_;
};

}  // namespace

const Family& gpt_neox_family() {
  static constexpr std::string_view kModelTypes[] = {"gpt_neox"};
  static const Family family{.model_types = kModelTypes,
                             .make = [](const Scope& scope, ConfigReader& config) -> std::unique_ptr<Model> {
                               return std::make_unique<GptNeox>(
                                   scope, read_config(config, scope.source(), scope.options().context));
                             },
                             .gguf = gpt_neox_gguf_spellings()};
  return family;
}

}  // namespace ttt
