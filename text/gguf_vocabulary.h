#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ttt {

// The metadata of a GGUF file about its tokenizer (keys tokenizer.ggml.*), unchecked. Absent keys stay empty.
struct GgufVocabulary {
  std::string model;                // "gpt2" (byte-level merges), "llama" (scores), "bert" (WordPiece), "t5" (Unigram)
  std::string pre;                  // name of the pattern that splits words, for "gpt2"
  std::vector<std::string> tokens;  // by id
  std::vector<float> scores;        // by id; needed for "llama" and "t5"
  std::vector<std::int32_t>
      types;  // token_type by id: 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte
  std::vector<std::string> merges;  // "left right"; needed for "gpt2"
  std::optional<std::int64_t> bos;  // bos_token_id, and so on
  std::optional<std::int64_t> eos;
  std::optional<std::int64_t> eot;
  std::optional<std::int64_t> eom;
  std::optional<std::int64_t> unk;
  std::optional<std::int64_t> pad;
  std::optional<std::int64_t> fim_pad;  // for infilling; these three end a generation
  std::optional<std::int64_t> fim_rep;
  std::optional<std::int64_t> fim_sep;
  std::optional<bool> add_bos;  // add_bos_token
  std::optional<bool> add_eos;
  std::optional<bool> add_space_prefix;
  std::optional<std::int64_t> sep;               // seperator_token_id, as the key is spelled
  std::optional<bool> remove_extra_whitespaces;  // "t5"
  std::string charsmap;                          // precompiled_charsmap, for "t5"
  std::optional<bool> lowercase, strip_accents;  // normalizer.lowercase, normalizer.strip_accents, for "bert"
};

}  // namespace ttt
