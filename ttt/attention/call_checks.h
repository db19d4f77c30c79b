#pragma once

#include <string_view>

#include "base/step.h"

// What prefill and decode of every mixer ask of a step. Throw Error{kUsage} that starts with "[path]".
namespace ttt {

// No sequence that has rows already gets exactly one.
void require_prefill(const Step& step, std::string_view path);
// Every sequence gets one row.
void require_decode(const Step& step, std::string_view path);

}  // namespace ttt
