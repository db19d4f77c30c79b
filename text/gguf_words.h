#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/pre_tokenizer.h"

namespace ttt {

// How byte-level vocabularies of GGUF files cut text into words: what a name of tokenizer.ggml.pre stands for. The list
// is kept in llama.cpp's source and nowhere else.
struct GgufWords {
  PreTokenizer pre_tokenizer = {};
  bool ignore_merges = false;  // a word that is a token is that token
  bool add_bos = false;        // unless the file says otherwise
};

// "" is "default". Error{kUnsupported} naming a name that is not known.
GgufWords gguf_words(std::string_view pre, std::string_view where);
std::vector<std::string> gguf_word_names();

}  // namespace ttt
