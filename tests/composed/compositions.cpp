#include "composed/compositions.h"

#include <string_view>

#include "composed/models.h"

namespace ttt::composed {

std::span<const Family> families() {
  static constexpr std::string_view kCohere2[] = {"cohere2"}, kDeepseek[] = {"deepseek_v3"}, kGpt2[] = {"gpt2"},
                                    kNeox[] = {"gpt_neox"}, kGptOss[] = {"gpt_oss"}, kLlama4[] = {"llama4_text"};
  static const Family all[] = {
      {.model_types = kCohere2, .make = make_cohere2}, {.model_types = kDeepseek, .make = make_deepseek_v3},
      {.model_types = kGpt2, .make = make_gpt2},       {.model_types = kNeox, .make = make_gpt_neox},
      {.model_types = kGptOss, .make = make_gpt_oss},  {.model_types = kLlama4, .make = make_llama4}};
  return all;
}

}  // namespace ttt::composed
