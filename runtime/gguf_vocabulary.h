#pragma once

#include "checkpoint/gguf.h"
#include "text/gguf_vocabulary.h"

namespace ttt {

// The tokenizer keys of a GGUF file. Error{kBadData} naming the key when one is of another type, or when there are no
// tokens.
GgufVocabulary gguf_vocabulary(const GgufFile& file);

}  // namespace ttt
