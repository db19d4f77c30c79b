#pragma once

#include "checkpoint/checkpoint.h"
#include "text/tokenizer.h"

namespace ttt {

// The tokenizer that comes with a checkpoint: tokenizer.json of a directory, or the vocabulary in GGUF metadata.
// Error{kBadData} when there is none, or when it has more ids than the model; Error{kUnsupported} for kinds that are
// not read, by name.
Tokenizer load_tokenizer(const Checkpoint& checkpoint);

}  // namespace ttt
