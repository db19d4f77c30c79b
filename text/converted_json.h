#pragma once

#include <string_view>

#include "base/json.h"
#include "text/sentencepiece_model.h"

namespace ttt {

// The tokenizer.json that other files stand for, as transformers 5 makes it, and the tokenizer_config.json beside it,
// completed by the tokens that its tokenizer class names by default. `config` may be null. Each throws
// Error{kUnsupported} naming a tokenizer class that does otherwise.
struct ConvertedJson {
  Json tokenizer;
  Json config;
};

// vocab.txt: a token a line (BertTokenizer).
ConvertedJson json_of_vocab_txt(std::string_view vocab, const Json* config, std::string_view where);
// vocab.json and merges.txt (GPT2Tokenizer, RobertaTokenizer, BartTokenizer).
ConvertedJson json_of_merges(const Json& vocab, std::string_view merges, const Json* config, std::string_view where);
// tokenizer.model: as the model's own settings say, or as LlamaTokenizer or T5Tokenizer.
ConvertedJson json_of_sentencepiece(const SentencePieceModel& model, const Json* config, std::string_view where);

}  // namespace ttt
