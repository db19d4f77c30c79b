#pragma once

#include <memory>

#include "text/decoder.h"

namespace ttt {

// The state of one step for one stream.
std::unique_ptr<DecodeStep> make_decode_step(const Decoder::Step& step);

}  // namespace ttt
