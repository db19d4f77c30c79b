#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ttt {

// The content of a SentencePiece model file (tokenizer.model, spiece.model): the message ModelProto of
// sentencepiece_model.proto, with that file's defaults.
struct SentencePieceModel {
  enum class Type : std::uint8_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };
  enum class Kind : std::uint8_t { kUnigram = 1, kBpe = 2, kWord = 3, kChar = 4 };
  struct Piece {
    std::string text = {};
    float score = 0;
    Type type = Type::kNormal;
  };

  std::vector<Piece> pieces = {};  // by id
  Kind kind = Kind::kUnigram;
  bool byte_fallback = false;
  bool space_after = false;  // treat_whitespace_as_suffix
  std::int64_t unk_id = 0, bos_id = 1, eos_id = 2, pad_id = -1;
  std::string unk_piece = "<unk>", bos_piece = "<s>", eos_piece = "</s>", pad_piece = "<pad>";
  std::string charsmap = {};  // text/charsmap.h; empty: none
  bool add_dummy_prefix = true, remove_extra_whitespaces = true, escape_whitespaces = true;

  // Throws Error{kBadData} naming what is malformed: a field beyond the end of its message, a piece that is not UTF-8
  // or too long, a score that is not a number. Unknown fields are skipped.
  static SentencePieceModel parse(std::string_view bytes, std::string_view where);
};

}  // namespace ttt
