#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text_table.h"
#include "text/converted_json.h"
#include "text/json_fields.h"
#include "text/json_parts.h"
#include "text/space_mark.h"

namespace ttt {
namespace {

using namespace json_parts;

Json replace_literal(std::string_view from, std::string_view to) {
  return typed("Replace", {{"pattern", object({{"String", Json(from)}})}, {"content", Json(to)}});
}

Json replace_regex(std::string_view from, std::string_view to) {
  return typed("Replace", {{"pattern", object({{"Regex", Json(from)}})}, {"content", Json(to)}});
}

Json metaspace(std::string_view scheme, bool split) {
  return typed("Metaspace",
               {{"replacement", Json(kSpaceMark)}, {"prepend_scheme", Json(scheme)}, {"split", Json(split)}});
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kBase64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t k = i; k < i + 3; ++k)
      bits = bits << 8 | (k < bytes.size() ? static_cast<unsigned char>(bytes[k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      out.push_back(i + k > bytes.size() ? '=' : kBase64Digits[bits >> (18 - 6 * k) & 63]);
  }
  return out;
}

Json precompiled(const SentencePieceModel& model) {
  return typed("Precompiled", {{"precompiled_charsmap", Json(base64(model.charsmap))}});
}

// Every way to join two pieces into one. By score: of normal pieces, the best first; else of all, the first in the file
// first.
Json merges_of(const SentencePieceModel& model, bool by_score) {
  TextTable<std::size_t> known;
  for (std::size_t id = 0; id < model.pieces.size(); ++id) {
    const bool normal = model.pieces[id].type == SentencePieceModel::Type::kNormal;
    if (normal || !by_score) known.emplace(model.pieces[id].text, id);
  }
  struct Ranked {
    float score;
    std::size_t id, left;  // bytes of the left part: of one piece, parts in order of their text are in order of length
  };
  std::vector<Ranked> ranked;
  for (const auto& [piece, id] : known) {
    for (std::size_t i = 1; i < piece.size(); ++i) {
      if ((static_cast<unsigned char>(piece[i]) & 0xC0) == 0x80) continue;
      if (known.contains(piece.substr(0, i)) && known.contains(piece.substr(i))) {
        ranked.push_back({by_score ? model.pieces[id].score : 0, id, i});
      }
    }
  }
  std::sort(ranked.begin(), ranked.end(), [](const Ranked& a, const Ranked& b) {
    if (a.score != b.score) return a.score > b.score;
    return a.id != b.id ? a.id < b.id : a.left < b.left;
  });
  Json::Array merges;
  merges.reserve(ranked.size());
  for (const Ranked& r : ranked) {
    const std::string& piece = model.pieces[r.id].text;
    merges.push_back(Json(Json::Array{Json(piece.substr(0, r.left)), Json(piece.substr(r.left))}));
  }
  return Json(std::move(merges));
}

Json unigram_model(const SentencePieceModel& model, bool byte_fallback) {
  Json::Array vocab;
  vocab.reserve(model.pieces.size());
  for (const auto& piece : model.pieces) {
    vocab.push_back(Json(Json::Array{Json(piece.text), Json(static_cast<double>(piece.score))}));
  }
  return typed(
      "Unigram",
      {{"unk_id", Json(model.unk_id)}, {"vocab", Json(std::move(vocab))}, {"byte_fallback", Json(byte_fallback)}});
}

Json vocab_of(const SentencePieceModel& model) {
  Json::Object vocab;
  vocab.reserve(model.pieces.size());
  for (const auto& piece : model.pieces) vocab.emplace_back(piece.text, Json(static_cast<std::int64_t>(vocab.size())));
  return Json(std::move(vocab));
}

bool has_user_defined(const SentencePieceModel& model) {
  return std::ranges::any_of(model.pieces,
                             [](const auto& p) { return p.type == SentencePieceModel::Type::kUserDefined; });
}

// Control pieces, and on demand those that are user-defined, found in text as they stand there.
Json added_tokens(const SentencePieceModel& model, bool user_defined) {
  Json::Array tokens;
  for (std::size_t id = 0; id < model.pieces.size(); ++id) {
    const bool control = model.pieces[id].type == SentencePieceModel::Type::kControl;
    if (!control && !(user_defined && model.pieces[id].type == SentencePieceModel::Type::kUserDefined)) continue;
    tokens.push_back(object({{"id", Json(static_cast<std::int64_t>(id))},
                             {"content", Json(model.pieces[id].text)},
                             {"normalized", Json(false)},
                             {"special", Json(control)}}));
  }
  return Json(std::move(tokens));
}

// The pieces that text never merges with, as one expression.
std::string any_user_defined(const SentencePieceModel& model) {
  std::vector<std::string_view> pieces;
  for (const auto& piece : model.pieces) {
    if (piece.type == SentencePieceModel::Type::kUserDefined && !piece.text.empty()) pieces.push_back(piece.text);
  }
  std::stable_sort(pieces.begin(), pieces.end(), [](auto a, auto b) { return a.size() > b.size(); });
  std::string expression;
  for (const std::string_view piece : pieces) {
    if (!expression.empty()) expression += '|';
    for (const char c : piece) {
      if (static_cast<unsigned char>(c) < 0x80 && std::string_view("\\^$.|?*+()[]{}-&#~ ").find(c) != std::string::npos)
        expression += '\\';
      expression += c;
    }
  }
  return expression;
}

// The first texts of a span corruption: 100 more tokens behind the pieces, the last number first.
Json t5_json(SentencePieceModel model, Json& config, std::string_view where) {
  constexpr std::int64_t kMostExtra = 10000;
  const std::int64_t count = config.find("extra_ids") == nullptr ? 100 : integer_field(config, "extra_ids", where);
  require(count >= 0 && count <= kMostExtra, ErrorKind::kUnsupported, where, ": extra_ids wanted 0 to ", kMostExtra,
          ", got ", count);
  Json::Array extra;
  for (std::int64_t i = count; i-- > 0;) {
    model.pieces.push_back({.text = text("<extra_id_", i, ">")});
    extra.push_back(Json(model.pieces.back().text));
  }
  config.set("extra_special_tokens", Json(std::move(extra)));
  const std::string eos = token_named(config, "eos_token", where);
  const std::int64_t id = id_in(vocab_of(model), eos, where);
  Json json = document(
      unigram_model(model, false), model.charsmap.empty() ? Json() : precompiled(model),
      typed("Sequence", {{"pretokenizers", Json(Json::Array{typed("WhitespaceSplit"), metaspace("always", true)})}}),
      template_of({text_piece("A", 0), added_piece(eos, 0)},
                  {text_piece("A", 0), added_piece(eos, 0), text_piece("B", 0), added_piece(eos, 0)}, {{eos, id}}),
      metaspace("always", true));
  json.set("added_tokens", added_tokens(model, true));
  return json;
}

// Not as the model's settings say: text is not rewritten, and all pieces are merged.
Json llama_json(const SentencePieceModel& model, const Json& config, std::string_view where) {
  const bool legacy = bool_field(config, "legacy", false, where);
  const bool prefix = bool_field(config, "add_prefix_space", true, where);
  const Json vocab = vocab_of(model);
  Json::Array decoders = {replace_literal(kSpaceMark, " "), typed("ByteFallback"), typed("Fuse")};
  if (prefix) decoders.push_back(typed("Strip", {{"content", Json(" ")}, {"start", Json(1)}, {"stop", Json(0)}}));
  Json json = document(typed("BPE", {{"fuse_unk", Json(true)},
                                     {"byte_fallback", Json(true)},
                                     {"vocab", vocab},
                                     {"merges", merges_of(model, false)}}),
                       Json(),
                       metaspace(!prefix  ? "never"
                                 : legacy ? "always"
                                          : "first",
                                 false),
                       begin_and_end(config, vocab, bool_field(config, "add_bos_token", false, where),
                                     bool_field(config, "add_eos_token", false, where), where),
                       typed("Sequence", {{"decoders", Json(std::move(decoders))}}));
  json.set("added_tokens", added_tokens(model, true));
  return json;
}

}  // namespace

ConvertedJson json_of_sentencepiece(const SentencePieceModel& model, const Json* config, std::string_view where) {
  const std::string name = class_of(config, where);
  const bool llama = name == "LlamaTokenizer", t5 = name == "T5Tokenizer";
  if (!name.empty() && !llama && !t5) refuse_class(name, "tokenizer.model", where);
  const bool bpe = model.kind == SentencePieceModel::Kind::kBpe;
  require(bpe || model.kind == SentencePieceModel::Kind::kUnigram, ErrorKind::kUnsupported, where, ": model_type ",
          model.kind == SentencePieceModel::Kind::kWord ? "WORD" : "CHAR", " is not supported");
  require(!model.space_after, ErrorKind::kUnsupported, where, ": treat_whitespace_as_suffix is not supported");
  ConvertedJson converted;
  converted.config = completed(config, {});
  const auto named = [&](std::string_view key, std::int64_t id, const std::string& piece) {
    if (id >= 0 && converted.config.find(key) == nullptr) converted.config.set(key, Json(piece));
  };
  named("bos_token", model.bos_id, model.bos_piece);
  named("eos_token", model.eos_id, model.eos_piece);
  named("unk_token", model.unk_id, model.unk_piece);
  const std::string here = text(where, ": tokenizer_config");
  if (t5 || llama) {
    require(bpe == llama, ErrorKind::kUnsupported, where, ": tokenizer_class \"", name, "\" with model_type ",
            bpe ? "BPE" : "UNIGRAM", " is not supported");
    converted.tokenizer = t5 ? t5_json(model, converted.config, here) : llama_json(model, converted.config, here);
    return converted;
  }
  const Json vocab = vocab_of(model);
  const bool legacy = bool_field(converted.config, "legacy", true, here);
  const bool user_defined = has_user_defined(model);

  Json::Array normalizers;
  if (!model.charsmap.empty()) normalizers.push_back(precompiled(model));
  if (model.remove_extra_whitespaces) {
    normalizers.push_back(replace_regex(R"(\A +| +\z)", ""));
    normalizers.push_back(replace_regex(" {2,}", " "));
  }
  if (model.escape_whitespaces) normalizers.push_back(replace_literal(" ", kSpaceMark));
  if (model.add_dummy_prefix && legacy) {
    normalizers.push_back(replace_regex(text(R"(\A)", kSpaceMark), text(kSpaceMark, kSpaceMark)));
  }
  Json::Array pre;
  if (model.add_dummy_prefix) pre.push_back(metaspace(legacy ? "always" : "first", false));
  if (user_defined) {
    pre.push_back(typed("Split", {{"pattern", object({{"Regex", Json(any_user_defined(model))}})},
                                  {"behavior", Json("Isolated")},
                                  {"invert", Json(false)}}));
  }
  Json::Array decoders = {replace_literal(kSpaceMark, " ")};
  if (model.byte_fallback) decoders.push_back(typed("ByteFallback"));
  if (model.add_dummy_prefix || model.byte_fallback) decoders.push_back(typed("Fuse"));
  if (model.add_dummy_prefix) {
    decoders.push_back(typed("Strip", {{"content", Json(" ")}, {"start", Json(1)}, {"stop", Json(0)}}));
  }
  Json bpe_model = bpe ? typed("BPE", {{"unk_token", Json(model.unk_piece)},
                                       {"fuse_unk", Json(true)},
                                       {"byte_fallback", Json(model.byte_fallback)},
                                       {"ignore_merges", Json(user_defined)},
                                       {"vocab", vocab},
                                       {"merges", merges_of(model, true)}})
                       : unigram_model(model, model.byte_fallback);
  converted.tokenizer =
      document(std::move(bpe_model), typed("Sequence", {{"normalizers", Json(std::move(normalizers))}}),
               typed("Sequence", {{"pretokenizers", Json(std::move(pre))}}),
               begin_and_end(converted.config, vocab, bool_field(converted.config, "add_bos_token", false, here),
                             bool_field(converted.config, "add_eos_token", false, here), here),
               typed("Sequence", {{"decoders", Json(std::move(decoders))}}));
  converted.tokenizer.set("added_tokens", added_tokens(model, false));
  return converted;
}

}  // namespace ttt
