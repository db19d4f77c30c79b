#include "attention/attention_spec.h"

#include "attention/attention_impl.h"
#include "base/error.h"

namespace ttt {
namespace {

ScorePlan plan_of(const FlashScores& f, std::string_view who) {
  require(f.query_block >= 1 && f.query_block <= kernels::kMaxQueryBlock && f.key_block >= 1 &&
              f.key_block <= kernels::kMaxKeyBlock,
          ErrorKind::kUsage, "[", who, "] query_block and key_block wanted 1 to ", kernels::kMaxQueryBlock,
          " and 1 to ", kernels::kMaxKeyBlock, ", got ", f.query_block, " and ", f.key_block);
  return {kernels::ScoreAlgorithm::kFlash, f};
}
ScorePlan plan_of(const FullScores&, std::string_view) { return {kernels::ScoreAlgorithm::kFull, {}}; }
ScorePlan plan_of(const ReferenceScores&, std::string_view) { return {kernels::ScoreAlgorithm::kReference, {}}; }

std::int64_t head_width(const auto& spec, std::string_view who) {
  require(spec.num_heads > 0, ErrorKind::kUsage, who, ".num_heads wanted a positive number, got ", spec.num_heads);
  require(spec.head_dim > 0 || spec.hidden_dim % spec.num_heads == 0, ErrorKind::kUsage, who,
          ".head_dim wanted a number where hidden_dim does not divide by num_heads, got ", spec.hidden_dim, " and ",
          spec.num_heads);
  return spec.head_dim > 0 ? spec.head_dim : spec.hidden_dim / spec.num_heads;
}

}  // namespace

ScorePlan score_plan(const ScoresChoice& choice, std::string_view who) {
  return std::visit([&](const auto& alternative) { return plan_of(alternative, who); }, choice);
}

MultiHeadAttentionSpec::operator AttentionSpec() const {
  return {.hidden_dim = hidden_dim,
          .num_heads = num_heads,
          .num_kv_heads = num_heads,
          .head_dim = head_width(*this, "MultiHeadAttentionSpec"),
          .visible = {.ahead = causal ? 0 : Visible::kAll},
          .position = position};
}

GroupedQueryAttentionSpec::operator AttentionSpec() const {
  require(num_kv_heads > 0 && num_kv_heads < num_heads && num_heads % num_kv_heads == 0, ErrorKind::kUsage,
          "GroupedQueryAttentionSpec.num_kv_heads wanted a divisor of num_heads below it, got ", num_kv_heads, " of ",
          num_heads);
  return {.hidden_dim = hidden_dim,
          .num_heads = num_heads,
          .num_kv_heads = num_kv_heads,
          .head_dim = head_width(*this, "GroupedQueryAttentionSpec"),
          .position = position};
}

SlidingWindowAttentionSpec::operator AttentionSpec() const {
  require(window > 0, ErrorKind::kUsage, "SlidingWindowAttentionSpec.window wanted a positive number, got ", window);
  require(global_tokens >= 0, ErrorKind::kUsage,
          "SlidingWindowAttentionSpec.global_tokens wanted a number of at least 0, got ", global_tokens);
  return {.hidden_dim = hidden_dim,
          .num_heads = num_heads,
          .num_kv_heads = num_kv_heads,
          .head_dim = head_width(*this, "SlidingWindowAttentionSpec"),
          .visible = {.behind = window - 1, .pinned = global_tokens},
          .position = position};
}

void set_weight_format(AttentionImplConfig& impl, Format format) { impl.qkv = impl.output = format; }
void set_state_format(AttentionImplConfig& impl, Format format) { impl.state = format; }

}  // namespace ttt
