#include "models/families.h"

#include <array>

#include "models/llama/llama.h"

namespace ttt {

std::span<const Family> families() {
  static const std::array<Family, 1> all{llama_family()};
  return all;
}

}  // namespace ttt
