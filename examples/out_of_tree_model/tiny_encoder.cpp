#include "tiny_encoder.h"

#include <memory>
#include <vector>

#include "attention/attention.h"
#include "embeddings/position_embedding.h"
#include "embeddings/token.h"
#include "ffn/mlp.h"
#include "normalization/rmsnorm.h"
#include "runtime/encoder_head.h"

namespace {

struct TinyEncoderConfig {
  std::int64_t vocab = 0, hidden = 0, heads = 0, ffn = 0, layers = 0, rows = 0, distance = 0, classes = 0;
  ttt::OutputKind output = ttt::OutputKind::kHiddenStates;
};

ttt::AttentionSpec attention_spec(const TinyEncoderConfig& c) {
  return {.hidden_dim = c.hidden,
          .num_heads = c.heads,
          .num_kv_heads = c.heads,
          .head_dim = c.hidden / c.heads,
          .visible = {.behind = c.distance, .ahead = c.distance}};
}

std::unique_ptr<ttt::EncoderHead> make_head(const ttt::Scope& s, const TinyEncoderConfig& c) {
  if (c.output == ttt::OutputKind::kHiddenStates) return ttt::make_state_head(c.hidden);
  return ttt::make_sequence_class_head(s, {.pooling = {.hidden_dim = c.hidden, .kind = ttt::PoolingKind::kMean},
                                           .classifier = {.input_dim = c.hidden, .output_dim = c.classes},
                                           .classifier_path = "classifier"});
}

class TinyEncoder final : public ttt::Model {
 public:
  TinyEncoder(const ttt::Scope& s, const TinyEncoderConfig& c)
      : vocab_(c.vocab),
        hidden_(c.hidden),
        rows_(c.rows),
        embedding_(ttt::make<ttt::TokenEmbedding>(s / "embed", {.vocab_size = c.vocab, .hidden_dim = c.hidden})),
        positions_(ttt::make<ttt::PositionEmbedding>(
            s / "positions", {.hidden_dim = c.hidden, .kind = ttt::LearnedPositions{.num_embeddings = c.rows}})),
        layers_(ttt::make_layers<Layer>(s / "layers", c.layers, c)),
        head_(make_head(s, c)) {}

  void forward(ttt::Exec& exec, const ttt::Step& step, ttt::TensorView output) const override {
    ttt::Scratch::Frame frame(exec.scratch);
    const ttt::TensorView x = frame.take({step.rows(), hidden_});
    embedding_.forward(exec, step.ids, x);
    positions_.forward_add(exec, step.batch.positions, x);
    for (const Layer& layer : layers_) {
      layer.attention.forward_add(exec, x, step, x);
      layer.attention_norm.forward(exec, x, x);
      layer.ffn.forward_add(exec, x, x);
      layer.ffn_norm.forward(exec, x, x);
    }
    head_->forward(exec, step, x, output);
  }
  std::int64_t vocab_size() const override { return vocab_; }
  ttt::OutputKind output() const override { return head_->kind(); }
  std::int64_t output_size() const override { return head_->size(); }
  std::int64_t max_rows() const override { return rows_; }

 private:
  struct Layer {
    Layer(const ttt::Scope& s, const TinyEncoderConfig& c)
        : attention(ttt::make<ttt::Attention>(s / "attention", attention_spec(c))),
          attention_norm(ttt::make<ttt::RMSNorm>(s / "attention_norm", {.dim = c.hidden})),
          ffn(ttt::make<ttt::MLP>(s / "ffn",
                                  {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = ttt::Activation::kGelu})),
          ffn_norm(ttt::make<ttt::RMSNorm>(s / "ffn_norm", {.dim = c.hidden})) {}
    ttt::Attention attention;
    ttt::RMSNorm attention_norm;
    ttt::MLP ffn;
    ttt::RMSNorm ffn_norm;
  };

  std::int64_t vocab_, hidden_, rows_;
  ttt::TokenEmbedding embedding_;
  ttt::PositionEmbedding positions_;
  std::vector<Layer> layers_;
  std::unique_ptr<ttt::EncoderHead> head_;
};

std::unique_ptr<ttt::Model> make_tiny_encoder(const ttt::Scope& scope, ttt::ConfigReader& config) {
  TinyEncoderConfig c;
  c.vocab = config.integer("vocab_size", {.min = 1});
  c.hidden = config.integer("hidden_size", {.min = 1});
  c.heads = config.integer("num_heads", {.min = 1});
  c.ffn = config.integer("ffn_size", {.min = 1});
  c.layers = config.integer("num_layers", {.min = 1});
  c.rows = config.integer("max_rows", {.min = 1});
  c.distance = config.integer("distance", {.min = 1});
  if (c.hidden % c.heads != 0) config.refuse("hidden_size", "wanted a multiple of num_heads");
  // What was asked for; else what `architectures` or the tensors of the checkpoint say.
  c.output =
      ttt::read_output_kind(config, scope.options().output, {.classes = scope.source().has("classifier.weight")});
  if (c.output == ttt::OutputKind::kClasses) c.classes = ttt::read_classes(config);
  config.finish();
  return std::make_unique<TinyEncoder>(scope, c);
}

constexpr std::string_view kTypes[] = {"tiny_encoder"};

}  // namespace

ttt::Family tiny_encoder_family() { return {.model_types = kTypes, .make = make_tiny_encoder}; }
