#include "models/bart/bart.h"

namespace ttt {
namespace {

constexpr std::int64_t kFirstPosition = 2;  // the table's first two rows stand for no position

LayerNormSpec norm_spec(const BartConfig& c) { return {.dim = c.hidden}; }

AttentionSpec attention_spec(const BartConfig& c, std::int64_t heads, bool causal) {
  AttentionSpec s = MultiHeadAttentionSpec{.hidden_dim = c.hidden, .num_heads = heads, .causal = causal};
  s.q_bias = s.k_bias = s.v_bias = s.o_bias = true;
  return s;
}

CrossAttentionSpec cross_spec(const BartConfig& c) {
  return {.hidden_dim = c.hidden,
          .num_heads = c.decoder_heads,
          .num_kv_heads = c.decoder_heads,
          .head_dim = c.hidden / c.decoder_heads,
          .q_bias = true,
          .k_bias = true,
          .v_bias = true,
          .o_bias = true,
          .max_source_rows = c.source_rows};
}

const AttentionNames kAttentionNames{.o = "out_proj.weight", .o_bias = "out_proj.bias"};

MLP make_ffn(const Scope& s, const BartConfig& c, std::int64_t ffn) {
  return make<MLP>(s, {.hidden_dim = c.hidden, .ffn_dim = ffn, .activation = c.activation, .bias = true},
                   {.up = "fc1.weight", .down = "fc2.weight", .up_bias = "fc1.bias", .down_bias = "fc2.bias"});
}

// One table for both sides and the head, under the name that the checkpoint kept.
std::string table(const Scope& s, const BartConfig& c) {
  const std::string shared = (s / c.prefix / "shared").path() + ".weight";
  return "/" + (s.source().has(shared) ? shared : (s / c.prefix / "encoder.embed_tokens").path() + ".weight");
}

}  // namespace

Bart::Inputs::Inputs(const Scope& s, const BartConfig& c)
    : embedding(make<TokenEmbedding>(s / "embed_tokens",
                                     {.vocab_size = c.vocab, .hidden_dim = c.hidden, .scale = c.embedding_scale},
                                     {.weight = table(Scope(s.source(), s.tree(), s.overrides(), s.options()), c)})),
      positions(make<PositionEmbedding>(s / "embed_positions",
                                        {.hidden_dim = c.hidden,
                                         .offset = kFirstPosition,
                                         .kind = LearnedPositions{.num_embeddings = c.positions + kFirstPosition}})),
      norm(make<LayerNorm>(s / "layernorm_embedding", norm_spec(c))) {}

void Bart::Inputs::forward(Exec& exec, const Step& step, TensorView x) const {
  embedding.forward(exec, step.ids, x);
  positions.forward_add(exec, step.batch.positions, x);
  norm.forward(exec, x, x);
}

Bart::Layer::Layer(const Scope& s, const BartConfig& c)
    : attention(make<Attention>(s / "self_attn", attention_spec(c, c.heads, false), kAttentionNames)),
      attention_norm(make<LayerNorm>(s / "self_attn_layer_norm", norm_spec(c))),
      ffn(make_ffn(s, c, c.ffn)),
      ffn_norm(make<LayerNorm>(s / "final_layer_norm", norm_spec(c))) {}

Bart::DecoderLayer::DecoderLayer(const Scope& s, const BartConfig& c)
    : attention(make<Attention>(s / "self_attn", attention_spec(c, c.decoder_heads, true), kAttentionNames)),
      attention_norm(make<LayerNorm>(s / "self_attn_layer_norm", norm_spec(c))),
      cross(make<CrossAttention>(s / "encoder_attn", cross_spec(c), kAttentionNames)),
      cross_norm(make<LayerNorm>(s / "encoder_attn_layer_norm", norm_spec(c))),
      ffn(make_ffn(s, c, c.decoder_ffn)),
      ffn_norm(make<LayerNorm>(s / "final_layer_norm", norm_spec(c))) {}

Bart::Bart(const Scope& s, const BartConfig& c)
    : hidden_(c.hidden),
      vocab_(c.vocab),
      positions_(c.positions),
      source_(s / c.prefix / "encoder", c),
      target_(s / c.prefix / "decoder", c),
      encoder_(make_layers<Layer>(s / c.prefix / "encoder.layers", c.layers, c)),
      decoder_(make_layers<DecoderLayer>(s / c.prefix / "decoder.layers", c.decoder_layers, c)),
      head_(make<LMHead>(
          s / "lm_head",
          {.hidden_dim = c.hidden, .vocab_size = c.vocab, .tie_word_embeddings = c.tied, .bias = c.logits_bias},
          {.weight = c.tied ? table(s, c) : "weight", .bias = "/final_logits_bias"})) {}

void Bart::encode(Exec& exec, const Step& source) const {
  Scratch::Frame frame(exec.scratch);
  const TensorView x = frame.take({source.rows(), hidden_});
  source_.forward(exec, source, x);
  for (const Layer& l : encoder_) {
    l.attention.forward_add(exec, x, source, x);
    l.attention_norm.forward(exec, x, x);
    l.ffn.forward_add(exec, x, x);
    l.ffn_norm.forward(exec, x, x);
  }
  for (const DecoderLayer& l : decoder_) l.cross.store(exec, x, source);
}

void Bart::forward(Exec& exec, const Step& step, TensorView logits) const {
  Scratch::Frame frame(exec.scratch);
  const TensorView x = frame.take({step.rows(), hidden_});
  target_.forward(exec, step, x);
  for (const DecoderLayer& l : decoder_) {
    l.attention.forward_add(exec, x, step, x);
    l.attention_norm.forward(exec, x, x);
    l.cross.forward_add(exec, x, step, x);
    l.cross_norm.forward(exec, x, x);
    l.ffn.forward_add(exec, x, x);
    l.ffn_norm.forward(exec, x, x);
  }
  head_.forward(exec, x, step.wanted_rows, logits);
}

const Family& bart_family() {
  static constexpr std::string_view kModelTypes[] = {"bart"};
  static const Family family{.model_types = kModelTypes,
                             .make = [](const Scope& scope, ConfigReader& config) -> std::unique_ptr<Model> {
                               const BartConfig c = read_bart_config(config, scope);
                               return std::make_unique<Bart>(scope, c);
                             }};
  return family;
}

}  // namespace ttt
