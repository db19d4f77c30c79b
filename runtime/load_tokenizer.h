#pragma once

#include "checkpoint/checkpoint.h"
#include "text/tokenizer.h"

namespace ttt {

// The tokenizer that comes with a checkpoint: tokenizer.json of a directory, or the vocabulary in GGUF metadata.
// It may have more ids than the model: a step refuses those. Error{kBadData} when there is none; Error{kUnsupported}
// for kinds that are not read, by name.
Tokenizer load_tokenizer(const Checkpoint& checkpoint);

}  // namespace ttt
