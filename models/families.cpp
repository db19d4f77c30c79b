#include "models/families.h"

#include <array>

#include "models/bert/bert.h"
#include "models/gemma/gemma.h"
#include "models/llama/llama.h"
#include "models/mistral/mistral.h"
#include "models/qwen/qwen.h"

namespace ttt {

std::span<const Family> families() {
  static const std::array all{bert_family(), gemma_family(), llama_family(), mistral_family(), qwen_family()};
  return all;
}

}  // namespace ttt
