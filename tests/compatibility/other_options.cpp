#include <algorithm>
#include <cstring>

#include "collectives/communicator.h"
#include "compatibility/option.h"
#include "embeddings/position_embedding.h"
#include "embeddings/token.h"
#include "heads/dense.h"
#include "heads/lm_head.h"
#include "heads/pooling.h"
#include "normalization/distributed.h"
#include "normalization/layer_scale.h"
#include "normalization/layernorm.h"
#include "normalization/rmsnorm.h"

namespace ttt::compatibility {
namespace {

template <class Block>
Option plain(std::string block, std::string name, const typename Block::Spec& spec, std::int64_t x_width) {
  return {.block = std::move(block), .name = std::move(name), .build = [spec, x_width](const Scope& s) {
            return instance<Block>(s, spec, x_width);
          }};
}

// Every rank normalises its columns; the parts are put together as whatever follows would do.
void run_shard(const DistributedNorm& norm, const Call& c, std::int64_t dim, std::int64_t unit) {
  Communicator& communicator = c.exec.communicator;
  const Part mine = part_of(dim, unit, communicator.rank(), communicator.ranks());
  const std::int64_t rows = c.x.rows();
  std::vector<float> part = testing::copy_of(columns_of(c.x, mine.begin, mine.count));
  const TensorView y = view_of(part.data(), {rows, mine.count});
  norm.forward(c.exec, y, y);
  std::vector<std::int64_t> counts;
  for (std::int64_t r = 0; r < communicator.ranks(); ++r) {
    counts.push_back(rows * part_of(dim, unit, r, communicator.ranks()).count *
                     static_cast<std::int64_t>(sizeof(float)));
  }
  std::vector<float> all(static_cast<std::size_t>(rows * dim));
  communicator.all_gather(std::as_bytes(std::span(part)), counts, std::as_writable_bytes(std::span(all)));
  const float* from = all.data();
  for (std::int64_t r = 0; r < communicator.ranks(); ++r) {
    const Part p = part_of(dim, unit, r, communicator.ranks());
    for (std::int64_t row = 0; row < rows; ++row, from += p.count) {
      std::copy_n(from, p.count, c.y.row<float>(row) + p.begin);
    }
  }
}

Option sharded(std::string name, const DistributedNormSpec& spec, std::int64_t dim, std::int64_t unit = 1) {
  return {.block = "DistributedNorm", .name = std::move(name), .build = [spec, dim, unit](const Scope& s) {
            DistributedNormSpec whole = spec;
            if (whole.num_devices == 0) whole.num_devices = s.options().ranks;
            auto norm = std::make_shared<const DistributedNorm>(make<DistributedNorm>(s / kPath, whole));
            return Instance{.forward = [norm, dim, unit](const Call& c) { run_shard(*norm, c, dim, unit); },
                            .x_width = dim,
                            .y_width = dim};
          }};
}

void add_distributed(Options& all, std::int64_t dim) {
  const RMSNormSpec rms{.dim = dim};
  const LayerNormSpec layer{.dim = dim};
  constexpr auto kGather = DistributedStrategy::kAllGather;
  all.push_back(sharded("RMSNorm, all_reduce", {.base_norm = rms, .num_devices = 0}, dim));
  all.push_back(
      sharded("RMSNorm, all_gather", {.base_norm = rms, .distributed_strategy = kGather, .num_devices = 0}, dim));
  all.back().same_answer = true;
  all.push_back(sharded("RMSNorm, all_reduce, whole_rows", {.base_norm = rms, .num_devices = 0}, dim));
  all.back().impl = R"({"whole_rows": true})", all.back().same_answer = true;
  all.push_back(sharded("RMSNorm, all_reduce, unit 32", {.base_norm = rms, .num_devices = 0}, dim, 32));
  all.back().impl = R"({"unit": 32})", all.back().same_answer = true;
  all.push_back(sharded("LayerNorm, all_reduce", {.base_norm = layer, .num_devices = 0}, dim));
  all.push_back(
      sharded("LayerNorm, all_gather", {.base_norm = layer, .distributed_strategy = kGather, .num_devices = 0}, dim));
  all.push_back(sharded("num_devices 2", {.base_norm = rms, .num_devices = 2}, dim));
  all.back().same_answer = true;
}

Instance positions(const Scope& scope, const PositionEmbeddingSpec& spec) {
  auto block = std::make_shared<const PositionEmbedding>(make<PositionEmbedding>(scope / kPath, spec));
  return {.forward = [block](const Call& c) { block->forward(c.exec, c.step.batch.positions, c.y); },
          .x_width = spec.hidden_dim,
          .y_width = spec.hidden_dim};
}

Instance typed_tokens(const Scope& scope, const TokenEmbeddingSpec& spec) {
  auto block = std::make_shared<const TokenEmbedding>(make<TokenEmbedding>(scope / kPath, spec));
  return {.forward =
              [block, spec](const Call& c) {
                std::vector<std::int32_t> types;
                for (const std::int32_t id : c.step.ids) {
                  types.push_back(id % static_cast<std::int32_t>(spec.num_token_types));
                }
                block->forward(c.exec, c.step.ids, types, c.y);
              },
          .x_width = spec.hidden_dim,
          .y_width = spec.hidden_dim};
}

// The best logits at their ids, the others 0, so that rounding among the worse ones does not show.
Instance best_tokens(const Scope& scope, const LMHeadSpec& spec) {
  auto block = std::make_shared<const LMHead>(make<LMHead>(scope / kPath, spec));
  return {.forward =
              [block](const Call& c) {
                constexpr std::int64_t kBest = 3;
                std::vector<std::int32_t> ids(static_cast<std::size_t>(c.y.rows() * kBest));
                std::vector<float> values(ids.size());
                block->forward_top(c.exec, c.x, c.step.wanted_rows, kBest, ids,
                                   view_of(values.data(), {c.y.rows(), kBest}));
                for (std::int64_t r = 0; r < c.y.rows(); ++r) {
                  std::fill_n(c.y.row<float>(r), c.y.dim(1), 0.0f);
                  const auto at = static_cast<std::size_t>(r * kBest);
                  c.y.row<float>(r)[ids[at]] = values[at];
                }
              },
          .x_width = spec.hidden_dim,
          .y_width = spec.vocab_size};
}

Instance pooled(const Scope& scope, const PoolingSpec& spec) {
  auto block = std::make_shared<const Pooling>(make<Pooling>(scope / kPath, spec));
  return {.forward = [block](const Call& c) { block->forward(c.exec, c.x, c.step.batch, c.y); },
          .x_width = spec.hidden_dim,
          .y_width = spec.hidden_dim,
          .row_per_sequence = true};
}

void append(Options& all, Options more) {
  for (Option& o : more) all.push_back(std::move(o));
}

}  // namespace

Options norm_options(std::int64_t dim) {
  const auto rms = [dim](std::string name, RMSNormSpec spec) { return plain<RMSNorm>("RMSNorm", name, spec, dim); };
  const auto layer = [dim](std::string name, LayerNormSpec spec) {
    return plain<LayerNorm>("LayerNorm", name, spec, dim);
  };
  Options all{rms("with gain", {.dim = dim}), rms("eps", {.dim = dim, .eps = 0.1f}),
              rms("weight_offset 1", {.dim = dim, .weight_offset = 1}),
              rms("not affine", {.dim = dim, .affine = false})};
  all.push_back({.block = "RMSNorm", .name = "added to the stream", .build = [dim](const Scope& s) {
                   return adding<RMSNorm>(s, {.dim = dim}, dim);
                 }});
  all.push_back({.block = "RMSNorm", .name = "a multiple added to the stream", .build = [dim](const Scope& s) {
                   return adding<RMSNorm>(s, {.dim = dim}, dim, Adding::kQuarter);
                 }});
  append(all, {layer("weight and bias", {.dim = dim}), layer("weight_offset 1", {.dim = dim, .weight_offset = 1}),
               layer("eps", {.dim = dim, .eps = 0.1f}), layer("weight only", {.dim = dim, .bias = false}),
               layer("bias only", {.dim = dim, .weight = false}),
               layer("neither", {.dim = dim, .weight = false, .bias = false})});
  all.push_back({.block = "LayerNorm", .name = "added to the stream", .build = [dim](const Scope& s) {
                   return adding<LayerNorm>(s, {.dim = dim}, dim);
                 }});
  all.push_back(plain<LayerScale>("LayerScale", "dim", {.dim = dim}, dim));
  all.push_back({.block = "LayerScale", .name = "added to the stream", .build = [dim](const Scope& s) {
                   return adding<LayerScale>(s, {.dim = dim}, dim);
                 }});
  add_distributed(all, dim);
  return all;
}

Options embedding_options(std::int64_t hidden) {
  const TokenEmbeddingSpec token{.vocab_size = kVocab, .hidden_dim = hidden};
  Options all;
  const auto add = [&](std::string name, const std::function<void(TokenEmbeddingSpec&)>& change) -> Option& {
    TokenEmbeddingSpec spec = token;
    change(spec);
    return all.emplace_back(plain<TokenEmbedding>("TokenEmbedding", std::move(name), spec, hidden));
  };
  add("vocab_size and hidden_dim", [](TokenEmbeddingSpec&) {});
  add("scale", [](TokenEmbeddingSpec& s) { s.scale = 8; });
  add("padding_idx", [](TokenEmbeddingSpec& s) { s.padding_idx = 3; }).same_answer = true;
  Option& split = add("split hidden", [](TokenEmbeddingSpec&) {});
  split.impl = R"({"split": "hidden"})", split.same_answer = true;
  TokenEmbeddingSpec typed = token;
  typed.num_token_types = 2;
  all.push_back({.block = "TokenEmbedding", .name = "num_token_types 2", .build = [typed](const Scope& s) {
                   return typed_tokens(s, typed);
                 }});
  const auto position = [&](std::string name, PositionEmbeddingSpec spec) {
    spec.hidden_dim = hidden;
    all.push_back({.block = "PositionEmbedding", .name = std::move(name), .build = [spec](const Scope& s) {
                     return positions(s, spec);
                   }});
  };
  const LearnedPositions learned{.num_embeddings = kContext + 2};
  position("learned", {.kind = learned});
  position("learned, offset 2", {.offset = 2, .kind = learned});
  position("sinusoidal, interleaved", {.kind = SinusoidalPositions{}});
  position("sinusoidal, half_split", {.kind = SinusoidalPositions{.layout = SinusoidLayout::kHalfSplit}});
  position("sinusoidal, max_timescale, offset 2", {.offset = 2, .kind = SinusoidalPositions{.max_timescale = 100}});
  return all;
}

Options head_options(std::int64_t hidden) {
  Options all;
  const LMHeadSpec head{.hidden_dim = hidden, .vocab_size = kVocab};
  const auto add = [&](std::string name, const std::function<void(LMHeadSpec&)>& change) {
    LMHeadSpec spec = head;
    change(spec);
    all.push_back(plain<LMHead>("LMHead", std::move(name), spec, hidden));
  };
  add("hidden_dim and vocab_size", [](LMHeadSpec&) {});
  all.push_back({.block = "LMHead", .name = "tie_word_embeddings", .build = [head](const Scope& s) {
                   LMHeadSpec tied = head;
                   tied.tie_word_embeddings = true;
                   make<TokenEmbedding>(s / "embed", {.vocab_size = kVocab, .hidden_dim = head.hidden_dim});
                   return instance<LMHead>(s, tied, head.hidden_dim, {.weight = "/embed.weight"});
                 }});
  add("bias", [](LMHeadSpec& s) { s.bias = true; });
  add("logit_scale", [](LMHeadSpec& s) { s.logit_scale = 0.25f; });
  add("soft_cap", [](LMHeadSpec& s) { s.soft_cap = 2.0f; });
  all.push_back({.block = "LMHead", .name = "forward_top: the best of every row", .build = [head](const Scope& s) {
                   return best_tokens(s, head);
                 }});
  const auto dense = [&](std::string name, const std::function<void(DenseSpec&)>& change) {
    DenseSpec spec{.input_dim = hidden, .output_dim = hidden};
    change(spec);
    all.push_back(plain<Dense>("Dense", std::move(name), spec, hidden));
  };
  dense("input_dim and output_dim", [](DenseSpec&) {});
  dense("activation tanh", [](DenseSpec& s) { s.activation = Activation::kTanh; });
  dense("activation gelu", [](DenseSpec& s) { s.activation = Activation::kGelu; });
  dense("without bias", [](DenseSpec& s) { s.bias = false; });
  dense("output_dim 50", [](DenseSpec& s) { s.output_dim = 50; });
  all.push_back({.block = "Dense", .name = "added to the stream", .build = [hidden](const Scope& s) {
                   return adding<Dense>(s, {.input_dim = hidden, .output_dim = hidden}, hidden);
                 }});
  const auto pooling = [&](std::string name, PoolingSpec spec, bool whole = true) {
    spec.hidden_dim = hidden;
    all.push_back({.block = "Pooling",
                   .name = std::move(name),
                   .build = [spec](const Scope& s) { return pooled(s, spec); },
                   .whole_sequences = whole});
  };
  pooling("mean", {});
  pooling("mean, normalize", {.normalize = true});
  pooling("cls", {.kind = PoolingKind::kCls});
  pooling("last", {.kind = PoolingKind::kLast}, false);
  return all;
}

Options all_options(std::int64_t hidden) {
  Options all;
  for (auto* of_block : {attention_options, cross_attention_options, latent_attention_options, mlp_options,
                         gated_mlp_options, moe_options, norm_options, embedding_options, head_options}) {
    append(all, of_block(hidden));
  }
  return all;
}

}  // namespace ttt::compatibility
