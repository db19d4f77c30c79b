#include "models/families.h"

#include <array>

#include "models/bert/bert.h"
#include "models/cohere/cohere.h"
#include "models/deepseek/deepseek.h"
#include "models/gemma/gemma.h"
#include "models/glm4_moe/glm4_moe.h"
#include "models/gpt2/gpt2.h"
#include "models/gpt_neox/gpt_neox.h"
#include "models/gpt_oss/gpt_oss.h"
#include "models/llama/llama.h"
#include "models/llama4/llama4.h"
#include "models/mistral/mistral.h"
#include "models/qwen/qwen.h"

namespace ttt {

std::span<const Family> families() {
  // clang-format off: a line for each.
  static const std::array all{
      bert_family(),
      cohere_family(),
      deepseek_family(),
      gemma_family(),
      glm4_moe_family(),
      gpt2_family(),
      gpt_neox_family(),
      gpt_oss_family(),
      llama_family(),
      llama4_family(),
      mistral_family(),
      qwen_family(),
  };
  // clang-format on
  return all;
}

}  // namespace ttt
