// A family of models outside the library's tree, with the same rights as those in it: it is built from a configuration,
// planned without data, and generated from by the library's runtime. Its layers have an operation of their own between
// the library's blocks. The weights are made up.
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "attention/attention.h"
#include "base/error.h"
#include "collectives/self.h"
#include "embeddings/token.h"
#include "ffn/gated_mlp.h"
#include "heads/lm_head.h"
#include "normalization/rmsnorm.h"
#include "runtime/generate.h"
#include "runtime/random_source.h"

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

constexpr std::string_view kConfig = R"({"model_type": "tiny", "vocab_size": 50, "hidden_size": 64, "num_heads": 4,
                                         "ffn_size": 96, "num_layers": 2})";

}  // namespace

int main() try {
  constexpr std::string_view kTypes[] = {"tiny"};
  const ttt::Family family{.model_types = kTypes, .make = make_tiny};

  ttt::LoadOptions options{.traits = ttt::query_device_traits(), .context = 64};
  ttt::ThreadPool threads(options.traits.cores);
  options.parallel_for = threads;
  ttt::RandomSource weights(ttt::Format::kF32, options.parallel_for);
  const ttt::BuiltModel built = ttt::build_model(family, ttt::Json::parse(kConfig, "tiny"), "tiny", weights, options);
  for (const ttt::BlockRecord& block : built.tree->blocks) {
    std::printf("%-20s %s\n", std::string(block.place.path).c_str(), block.block.c_str());
  }

  ttt::NoObserver nobody;
  ttt::Runner runner(built, threads, ttt::self_communicator(), nobody, {.context = built.context});
  const std::vector<std::int32_t> prompt{1, 2, 3};
  const ttt::Generated text = ttt::generate(runner, prompt, {.max_new_tokens = 16}, [](std::int32_t id) {
    std::printf("%d ", id);
    return true;
  });
  std::printf("\n");
  return text.ids.size() == 16 ? 0 : 1;
} catch (const ttt::Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return static_cast<int>(e.kind());
}
