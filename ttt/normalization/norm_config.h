#pragma once

#include <cstdint>
#include <string_view>

#include "base/context.h"
#include "base/format.h"

// What the norms over whole rows have in common.
namespace ttt {

struct NormImplConfig {
  Format activation = Format::kF32;
  bool reference = false;  // in double precision; slow

  bool operator==(const NormImplConfig&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("activation", self.activation);
    visit("reference", self.reference);
  }
};

// kReference computes in double precision; all other strategies take the same kernel, whose rows do not depend on each
// other.
NormImplConfig default_norm_config(Strategy strategy);
// Error{kBadData} that starts with "[who]" unless dim > 0 and eps >= 0 and finite.
void check_norm(std::int64_t dim, float eps, std::string_view who);
// Error{kUnsupported} that starts with "[who]" unless the activation is f32.
void check_norm(const NormImplConfig& impl, std::string_view who);

}  // namespace ttt
