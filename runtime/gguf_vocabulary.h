#pragma once

#include "checkpoint/gguf.h"
#include "text/gguf_vocabulary.h"

namespace ttt {

// The tokenizer keys of a GGUF file; ids of padding and unknown text that are no token are left out. Error{kBadData}
// naming the key when one is of another type, or when there are no tokens.
GgufVocabulary gguf_vocabulary(const GgufFile& file);

}  // namespace ttt
