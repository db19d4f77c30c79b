#include "models/families.h"

#include <array>

#include "models/bart/bart.h"
#include "models/bert/bert.h"
#include "models/cohere/cohere.h"
#include "models/deepseek/deepseek.h"
#include "models/exaone4/exaone4.h"
#include "models/gemma/gemma.h"
#include "models/gemma1/gemma1.h"
#include "models/glm/glm.h"
#include "models/glm4_moe/glm4_moe.h"
#include "models/gpt2/gpt2.h"
#include "models/gpt_neox/gpt_neox.h"
#include "models/gpt_oss/gpt_oss.h"
#include "models/granite/granite.h"
#include "models/llama/llama.h"
#include "models/llama4/llama4.h"
#include "models/mistral/mistral.h"
#include "models/mixtral/mixtral.h"
#include "models/modernbert/modernbert.h"
#include "models/nemotron/nemotron.h"
#include "models/olmo2/olmo2.h"
#include "models/olmoe/olmoe.h"
#include "models/phi/phi.h"
#include "models/phi3/phi3.h"
#include "models/phimoe/phimoe.h"
#include "models/qwen/qwen.h"
#include "models/smollm3/smollm3.h"
#include "models/starcoder2/starcoder2.h"
#include "models/t5/t5.h"
#include "models/vit/vit.h"

namespace ttt {

std::span<const Family> families() {
  // clang-format off: a line for each.
  static const std::array all{
      bart_family(),
      bert_family(),
      cohere_family(),
      deepseek_family(),
      exaone4_family(),
      gemma_family(),
      gemma1_family(),
      glm_family(),
      glm4_moe_family(),
      gpt2_family(),
      gpt_neox_family(),
      gpt_oss_family(),
      granite_family(),
      llama_family(),
      llama4_family(),
      mistral_family(),
      mixtral_family(),
      modernbert_family(),
      nemotron_family(),
      olmo2_family(),
      olmoe_family(),
      phi_family(),
      phi3_family(),
      phimoe_family(),
      qwen_family(),
      smollm3_family(),
      starcoder2_family(),
      t5_family(),
      vit_family(),
  };
  // clang-format on
  return all;
}

}  // namespace ttt
