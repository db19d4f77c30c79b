#include "models/families.h"

#include <array>

#include "models/gemma/gemma.h"
#include "models/gemma1/gemma1.h"
#include "models/glm/glm.h"
#include "models/granite/granite.h"
#include "models/llama/llama.h"
#include "models/mistral/mistral.h"
#include "models/mixtral/mixtral.h"
#include "models/olmo2/olmo2.h"
#include "models/olmoe/olmoe.h"
#include "models/phi/phi.h"
#include "models/phi3/phi3.h"
#include "models/qwen/qwen.h"
#include "models/smollm3/smollm3.h"
#include "models/starcoder2/starcoder2.h"

namespace ttt {

std::span<const Family> families() {
  static const std::array all{gemma_family(),   gemma1_family(),  glm_family(),     granite_family(),   llama_family(),
                              mistral_family(), mixtral_family(), olmo2_family(),   olmoe_family(),     phi_family(),
                              phi3_family(),    qwen_family(),    smollm3_family(), starcoder2_family()};
  return all;
}

}  // namespace ttt
