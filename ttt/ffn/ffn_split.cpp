#include "ffn/ffn_split.h"

namespace ttt {
namespace {

constexpr std::int64_t kUnit = 32;

}  // namespace

Part ffn_part(std::int64_t ffn_dim, const Context& context) {
  return part_of(ffn_dim, kUnit, context.rank, context.ranks);
}

ProjectionSplit ffn_down_split(std::int64_t ffn_dim, std::int64_t hidden_dim, const LinearImplConfig& impl,
                               const Context& context) {
  return projection_split(ffn_dim, kUnit, hidden_dim, impl, context.ranks);
}

}  // namespace ttt
