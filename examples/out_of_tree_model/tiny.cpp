#include "tiny.h"

#include <cmath>
#include <memory>
#include <vector>

#include "attention/attention.h"
#include "embeddings/token.h"
#include "ffn/gated_mlp.h"
#include "heads/lm_head.h"
#include "normalization/rmsnorm.h"

namespace {

// x = limit * tanh(x / limit)
struct BoundArgs {
  ttt::TensorView x = {};  // [rows, dim], f32
  float limit = 1;
};
void bound(ttt::Exec& exec, const BoundArgs& args) noexcept {
  exec.threads.parallel_for(args.x.dim(0), [&](std::int64_t r) {
    float* x = args.x.row<float>(r);
    for (std::int64_t i = 0; i < args.x.dim(1); ++i) x[i] = args.limit * std::tanh(x[i] / args.limit);
  });
}
double operations(const BoundArgs& args) { return 3.0 * static_cast<double>(args.x.shape.elements()); }
double bytes(const BoundArgs& args) { return 8.0 * static_cast<double>(args.x.shape.elements()); }

struct TinyConfig {
  std::int64_t vocab = 0, hidden = 0, heads = 0, ffn = 0, layers = 0;
  float limit = 0;
};

class Tiny final : public ttt::Model {
 public:
  Tiny(const ttt::Scope& s, const TinyConfig& c)
      : vocab_(c.vocab),
        hidden_(c.hidden),
        limit_(c.limit),
        embedding_(ttt::make<ttt::TokenEmbedding>(s / "embed", {.vocab_size = c.vocab, .hidden_dim = c.hidden})),
        layers_(ttt::make_layers<Layer>(s / "layers", c.layers, c)),
        norm_(ttt::make<ttt::RMSNorm>(s / "norm", {.dim = c.hidden})),
        head_(ttt::make<ttt::LMHead>(s / "head", {.hidden_dim = c.hidden, .vocab_size = c.vocab})) {}

  void forward(ttt::Exec& exec, const ttt::Step& step, ttt::TensorView logits) const override {
    ttt::Scratch::Frame frame(exec.scratch);
    const ttt::TensorView x = frame.take({step.rows(), hidden_}), normed = frame.take({step.rows(), hidden_});
    embedding_.forward(exec, step.ids, x);
    for (const Layer& layer : layers_) {
      layer.norm.forward(exec, x, normed);
      layer.attention.forward_add(exec, normed, step, x);  // attention and feed-forward side by side
      layer.ffn.forward_add(exec, normed, x);
      exec.launch(bound, BoundArgs{.x = x, .limit = limit_});
    }
    norm_.forward(exec, x, normed);
    head_.forward(exec, normed, step.wanted_rows, logits);
  }
  std::int64_t vocab_size() const override { return vocab_; }

 private:
  struct Layer {
    Layer(const ttt::Scope& s, const TinyConfig& c)
        : norm(ttt::make<ttt::RMSNorm>(s / "norm", {.dim = c.hidden})),
          attention(ttt::make<ttt::Attention>(s / "attention",
                                              ttt::SlidingWindowAttentionSpec{.hidden_dim = c.hidden,
                                                                              .num_heads = c.heads,
                                                                              .num_kv_heads = c.heads,
                                                                              .head_dim = c.hidden / c.heads,
                                                                              .window = 8,
                                                                              .position = ttt::ALiBiSpec{}})),
          ffn(ttt::make<ttt::GatedMLP>(s / "ffn", ttt::GeGLU(c.hidden, c.ffn))) {}
    ttt::RMSNorm norm;
    ttt::Attention attention;
    ttt::GatedMLP ffn;
  };

  std::int64_t vocab_, hidden_;
  float limit_;
  ttt::TokenEmbedding embedding_;
  std::vector<Layer> layers_;
  ttt::RMSNorm norm_;
  ttt::LMHead head_;
};

std::unique_ptr<ttt::Model> make_tiny(const ttt::Scope& scope, ttt::ConfigReader& config) {
  TinyConfig c;
  c.vocab = config.integer("vocab_size", {.min = 1});
  c.hidden = config.integer("hidden_size", {.min = 1});
  c.heads = config.integer("num_heads", {.min = 1});
  c.ffn = config.integer("ffn_size", {.min = 1});
  c.layers = config.integer("num_layers", {.min = 1});
  c.limit = static_cast<float>(config.number("limit", 10.0, {.min = 0.1}));
  config.finish();
  return std::make_unique<Tiny>(scope, c);
}

constexpr std::string_view kTypes[] = {"tiny"};

}  // namespace

ttt::Family tiny_family() { return {.model_types = kTypes, .make = make_tiny}; }
