#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/pre_tokenizer.h"

namespace ttt {

// How byte-level vocabularies of GGUF files split text into words: the meaning of the names of tokenizer.ggml.pre,
// which is defined only in the source of llama.cpp.
struct GgufWords {
  PreTokenizer pre_tokenizer = {};
  bool ignore_merges = false;  // a word that is a token is that token
  bool add_bos = false;        // unless the file says otherwise
};

// "" is "default". Error{kUnsupported} naming a name that is not known.
GgufWords gguf_words(std::string_view pre, std::string_view where);
std::vector<std::string> gguf_word_names();

}  // namespace ttt
