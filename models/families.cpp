#include "models/families.h"

#include <array>

#include "models/bart/bart.h"
#include "models/bert/bert.h"
#include "models/gemma/gemma.h"
#include "models/llama/llama.h"
#include "models/modernbert/modernbert.h"
#include "models/qwen/qwen.h"
#include "models/t5/t5.h"
#include "models/vit/vit.h"

namespace ttt {

std::span<const Family> families() {
  static const std::array all{bart_family(),       bert_family(), gemma_family(), llama_family(),
                              modernbert_family(), qwen_family(), t5_family(),    vit_family()};
  return all;
}

}  // namespace ttt
