#pragma once

#include <memory>

#include "runtime/model.h"

namespace ttt::composed {

std::unique_ptr<Model> make_olmo2(const Scope& scope, ConfigReader& config);

}  // namespace ttt::composed
