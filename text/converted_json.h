#pragma once

#include <string_view>

#include "base/json.h"
#include "text/sentencepiece_model.h"

namespace ttt {

// The tokenizer.json that transformers 5 makes of other files, and their tokenizer_config.json, completed by the
// default tokens of its tokenizer class. `config` may be null. Each throws Error{kUnsupported} naming a tokenizer class
// with another conversion.
struct ConvertedJson {
  Json tokenizer;
  Json config;
};

// vocab.txt: one token per line (BertTokenizer).
ConvertedJson json_of_vocab_txt(std::string_view vocab, const Json* config, std::string_view where);
// vocab.json and merges.txt (GPT2Tokenizer, RobertaTokenizer, BartTokenizer).
ConvertedJson json_of_merges(const Json& vocab, std::string_view merges, const Json* config, std::string_view where);
// tokenizer.model: by the model's own settings, or as LlamaTokenizer or T5Tokenizer.
ConvertedJson json_of_sentencepiece(const SentencePieceModel& model, const Json* config, std::string_view where);

}  // namespace ttt
