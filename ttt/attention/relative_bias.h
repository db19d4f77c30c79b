#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "embeddings/position.h"
#include "embeddings/rotary.h"

namespace ttt {

// Adds to each score of head h a learned number for the bucket of the distance between key and query. Half of the
// buckets hold one distance each; the others grow logarithmically up to max_distance, and the last has all beyond.
//
// Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer", 2020.
struct RelativeBiasSpec {
  static constexpr std::string_view kName = "relative_bias";
  std::int64_t num_buckets = 32, max_distance = 128;
  bool bidirectional = true;  // half of the buckets are for keys after the query; else their distance is 0
  bool operator==(const RelativeBiasSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("num_buckets", self.num_buckets);
    visit("max_distance", self.max_distance);
    visit("bidirectional", self.bidirectional);
  }
};

// Throws Error{kUsage} that starts with `where`.
void validate(const RelativeBiasSpec& spec, std::string_view where);

// The bucket of every distance (key's index less query's) from -max_distance to max_distance; those beyond are in the
// buckets at the ends.
std::vector<std::int32_t> relative_buckets(const RelativeBiasSpec& spec);

// How attention knows where rows are.
using PositionRule = std::variant<NoPosition, RoPESpec, ALiBiSpec, RelativeBiasSpec>;

}  // namespace ttt
