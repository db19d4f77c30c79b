#include "normalization/norm_config.h"

#include <cmath>

#include "base/error.h"

namespace ttt {

NormImplConfig default_norm_config(Strategy strategy) { return {.reference = strategy == Strategy::kReference}; }

void check_norm(std::int64_t dim, float eps, std::string_view who) {
  require(dim > 0, ErrorKind::kBadData, "[", who, "] dim wanted a positive number, got ", dim);
  require(eps >= 0 && std::isfinite(eps), ErrorKind::kBadData, "[", who, "] eps wanted a number of at least 0, got ",
          eps);
}

void check_norm(const NormImplConfig& impl, std::string_view who) {
  require(impl.activation == Format::kF32, ErrorKind::kUnsupported, "[", who, "] activation wanted f32, got ",
          name_of(impl.activation));
}

}  // namespace ttt
