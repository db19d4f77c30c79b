#include "models/gpt2/gpt2.h"

#include <cmath>

#include "models/gpt2/gpt2_gguf.h"
#include "runtime/decoder_config.h"
#include "runtime/rope_config.h"

namespace ttt {
namespace {

struct Config : DecoderShape {
  std::int64_t ffn = 0, positions = 0;
  float eps = 0;
  bool scaled = true, scaled_by_layer = false;  // scores: by head_dim^-0.5, and by 1 / number of the layer
  Activation activation = Activation::kGeluTanh;
  std::string prefix = {};  // of names: files of the model without its head have none
};

Config read_config(ConfigReader& config, WeightSource& source) {
  const std::string prefix = source.has("transformer.wte.weight") ? "transformer." : "";
  const std::string embedding = prefix + "wte.weight";
  // Where the configuration is silent: as GPT2Config of transformers.
  Config c{read_decoder_shape(config, source, {.vocab = 50257, .hidden = 768, .layers = 12, .heads = 12, .tied = true},
                              {.hidden = "n_embd",
                               .layers = "n_layer",
                               .heads = "n_head",
                               .kv_heads = {},
                               .head_dim = {},
                               .embedding_weight = embedding})};
  c.prefix = prefix;
  c.ffn = config.integer("n_inner", 4 * c.hidden, kWidths);
  c.positions = config.integer("n_positions", 1024, {.min = 1});
  c.eps = static_cast<float>(config.number("layer_norm_epsilon", 1e-5, {.min = 0}));
  c.scaled = config.boolean("scale_attn_weights", true);
  c.scaled_by_layer = config.boolean("scale_attn_by_inverse_layer_idx", false);
  c.activation = activation_of(config, "activation_function", "gelu_new");
  config.only("add_cross_attention", Json(false));
  // Other names of the same, which the class knows.
  for (const auto& [key, value] : {std::pair{"hidden_size", c.hidden},
                                   {"num_hidden_layers", c.layers},
                                   {"num_attention_heads", c.heads},
                                   {"max_position_embeddings", c.positions}}) {
    config.only(key, Json(value));
  }
  // The order in which the same products are taken; the length in files of the first release; heads of other tasks.
  constexpr std::string_view kHarmless[] = {"reorder_and_upcast_attn", "n_ctx", "summary_*"};
  config.finish(kHarmless);
  return c;
}

Attention make_attention(const Scope& s, const Config& c, std::int64_t layer) {
  AttentionSpec spec = MultiHeadAttentionSpec{.hidden_dim = c.hidden, .num_heads = c.heads};
  spec.q_bias = spec.k_bias = spec.v_bias = spec.o_bias = true;
  const double scale = c.scaled ? 1 / std::sqrt(static_cast<double>(c.head_dim)) : 1.0;
  if (!c.scaled || c.scaled_by_layer) {
    spec.scale = static_cast<float>(scale / (c.scaled_by_layer ? static_cast<double>(layer + 1) : 1.0));
  }
  AttentionNames n = fused_names(spec, "c_attn");
  for (TensorName* name : {&n.q, &n.k, &n.v}) *name = transposed(*name);  // matrices are stored as [in, out]
  n.o = transposed("c_proj.weight");
  n.o_bias = "c_proj.bias";
  return make<Attention>(s, spec, n);
}

MLP make_ffn(const Scope& s, const Config& c) {
  return make<MLP>(s, {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation, .bias = true},
                   {.up = transposed("c_fc.weight"),
                    .down = transposed("c_proj.weight"),
                    .up_bias = "c_fc.bias",
                    .down_bias = "c_proj.bias"});
}

struct Layer {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : attention_norm(make<LayerNorm>(s / "ln_1", {.dim = c.hidden, .eps = c.eps})),
        attention(make_attention(s / "attn", c, i)),
        ffn_norm(make<LayerNorm>(s / "ln_2", {.dim = c.hidden, .eps = c.eps})),
        ffn(make_ffn(s / "mlp", c)) {}

  LayerNorm attention_norm;
  Attention attention;
  LayerNorm ffn_norm;
  MLP ffn;
};

class Gpt2 final : public Model {
 public:
  Gpt2(const Scope& s, const Config& c)
      : hidden_(c.hidden),
        vocab_(c.vocab),
        embedding_(make<TokenEmbedding>(s / (c.prefix + "wte"), {.vocab_size = c.vocab, .hidden_dim = c.hidden},
                                        {.weight = c.embedding})),
        positions_(make<PositionEmbedding>(
            s / (c.prefix + "wpe"), {.hidden_dim = c.hidden, .kind = LearnedPositions{.num_embeddings = c.positions}})),
        layers_(make_layers<Layer>(s / (c.prefix + "h"), c.layers, c)),
        final_norm_(make<LayerNorm>(s / (c.prefix + "ln_f"), {.dim = c.hidden, .eps = c.eps})),
        head_(make<LMHead>(s / "lm_head",
                           {.hidden_dim = c.hidden, .vocab_size = c.vocab, .tie_word_embeddings = c.tied},
                           {.weight = c.head})) {}

  void forward(Exec& exec, const Step& step, TensorView logits) const override {
    Scratch::Frame frame(exec.scratch);
    const TensorView x = frame.take({step.rows(), hidden_}), normed = frame.take({step.rows(), hidden_});
    embedding_.forward(exec, step.ids, x);
    positions_.forward_add(exec, step.batch.positions, x);
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
  PositionEmbedding positions_;
  std::vector<Layer> layers_;
  LayerNorm final_norm_;
  LMHead head_;
};

}  // namespace

const Family& gpt2_family() {
  static constexpr std::string_view kModelTypes[] = {"gpt2"};
  static const Family family{.model_types = kModelTypes,
                             .make = [](const Scope& scope, ConfigReader& config) -> std::unique_ptr<Model> {
                               return std::make_unique<Gpt2>(scope, read_config(config, scope.source()));
                             },
                             .gguf = gpt2_gguf_spellings()};
  return family;
}

}  // namespace ttt
