#pragma once

#include <span>

#include "checkpoint/gguf_spelling.h"

namespace ttt {

// BERT, and RoBERTa, XLM-RoBERTa and DistilBERT, whose files look like BERT's: the converter cuts off the rows of the
// table of positions that stand for none.
std::span<const GgufSpelling> bert_gguf_spellings();

}  // namespace ttt
