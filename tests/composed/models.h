#pragma once

#include <memory>

#include "runtime/model.h"

namespace ttt::composed {

std::unique_ptr<Model> make_cohere2(const Scope& scope, ConfigReader& config);
std::unique_ptr<Model> make_deepseek_v3(const Scope& scope, ConfigReader& config);
std::unique_ptr<Model> make_gpt2(const Scope& scope, ConfigReader& config);
std::unique_ptr<Model> make_gpt_neox(const Scope& scope, ConfigReader& config);
std::unique_ptr<Model> make_gpt_oss(const Scope& scope, ConfigReader& config);
std::unique_ptr<Model> make_llama4(const Scope& scope, ConfigReader& config);

}  // namespace ttt::composed
