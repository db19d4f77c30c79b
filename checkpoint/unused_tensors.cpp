#include "checkpoint/unused_tensors.h"

#include <algorithm>
#include <array>

namespace ttt {
namespace {

bool is_buffer(const StoredTensor& t) {
  // The last two are read with the configuration.
  constexpr std::array<std::string_view, 6> kEndings{"rotary_emb.inv_freq",      "position_ids",
                                                     "attn.masked_bias",         "attention.masked_bias",
                                                     "rope_factors_long.weight", "rope_factors_short.weight"};
  const std::string_view name = t.name;
  const bool mask = t.shape.rank() == 4 && (name.ends_with("attn.bias") || name.ends_with("attention.bias"));
  return mask ||
         std::any_of(kEndings.begin(), kEndings.end(), [&](std::string_view ending) { return name.ends_with(ending); });
}

}  // namespace

std::vector<std::string> unused_tensors(const Checkpoint& checkpoint, const std::set<std::string, std::less<>>& used) {
  const Json* tied = checkpoint.config().find("tie_word_embeddings");
  const bool is_tied = tied != nullptr && *tied == Json(true);
  std::vector<std::string> names;
  for (const StoredTensor& t : checkpoint.tensors()) {
    if (used.contains(t.name) || is_buffer(t) || (is_tied && t.name == "lm_head.weight")) continue;
    names.push_back(t.name);
  }
  return names;
}

}  // namespace ttt
