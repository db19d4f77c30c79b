#include "text/converted_json.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/text_table.h"
#include "text/json_fields.h"
#include "text/json_parts.h"

namespace ttt {
namespace {

using namespace json_parts;

// Each line of text, without its end.
template <class Each>
void for_each_line(std::string_view text, const Each& each) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    each(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

ConvertedJson json_of_vocab_txt(std::string_view vocab, const Json* config, std::string_view where) {
  const std::string name = class_of(config, where);
  if (!name.empty() && !name.ends_with("BertTokenizer") && name != "ElectraTokenizer") {
    refuse_class(name, "vocab.txt", where);
  }
  ConvertedJson converted;
  converted.config = completed(config, {{"unk_token", "[UNK]"},
                                        {"sep_token", "[SEP]"},
                                        {"pad_token", "[PAD]"},
                                        {"cls_token", "[CLS]"},
                                        {"mask_token", "[MASK]"}});
  // Of equal lines the last counts.
  TextTable<std::size_t> last;
  std::size_t lines = 0;
  for_each_line(vocab, [&](std::string_view line) { last[line] = lines++; });
  Json::Object tokens;
  tokens.reserve(last.size());
  std::size_t id = 0;
  for_each_line(vocab, [&](std::string_view line) {
    if (last[line] == id) tokens.emplace_back(std::string(line), Json(static_cast<std::int64_t>(id)));
    ++id;
  });
  const Json vocabulary(std::move(tokens));
  const std::string here = text(where, ": tokenizer_config");
  const std::string cls = token_named(converted.config, "cls_token", here);
  const std::string sep = token_named(converted.config, "sep_token", here);
  const Json* accents = converted.config.find("strip_accents");
  Json normalizer =
      typed("BertNormalizer",
            {{"clean_text", Json(true)},
             {"handle_chinese_chars", Json(bool_field(converted.config, "tokenize_chinese_chars", true, here))},
             {"strip_accents", accents != nullptr ? *accents : Json()},
             {"lowercase", Json(bool_field(converted.config, "do_lower_case", true, here))}});
  Json model = typed("WordPiece", {{"unk_token", Json(token_named(converted.config, "unk_token", here))},
                                   {"continuing_subword_prefix", Json("##")},
                                   {"max_input_chars_per_word", Json(100)},
                                   {"vocab", vocabulary}});
  const Json::Array single = {added_piece(cls, 0), text_piece("A", 0), added_piece(sep, 0)};
  Json::Array pair = single;
  pair.push_back(text_piece("B", 1));
  pair.push_back(added_piece(sep, 1));
  converted.tokenizer =
      document(std::move(model), std::move(normalizer), typed("BertPreTokenizer"),
               template_of(single, std::move(pair),
                           {{cls, id_in(vocabulary, cls, where)}, {sep, id_in(vocabulary, sep, where)}}),
               typed("WordPiece", {{"prefix", Json("##")}, {"cleanup", Json(true)}}));
  return converted;
}

ConvertedJson json_of_merges(const Json& vocab, std::string_view merges, const Json* config, std::string_view where) {
  const std::string name = class_of(config, where);
  const bool roberta = name == "RobertaTokenizer" || name == "BartTokenizer";
  if (!name.empty() && !roberta && name != "GPT2Tokenizer") refuse_class(name, "vocab.json and merges.txt", where);
  ConvertedJson converted;
  converted.config =
      roberta
          ? completed(config, {{"bos_token", "<s>"},
                               {"eos_token", "</s>"},
                               {"sep_token", "</s>"},
                               {"cls_token", "<s>"},
                               {"unk_token", "<unk>"},
                               {"pad_token", "<pad>"},
                               {"mask_token", "<mask>"}})
          : completed(config,
                      {{"unk_token", "<|endoftext|>"}, {"bos_token", "<|endoftext|>"}, {"eos_token", "<|endoftext|>"}});
  Json::Array list;
  for_each_line(merges, [&](std::string_view line) {
    if (!line.empty()) list.push_back(Json(line));
  });
  const std::string here = text(where, ": tokenizer_config");
  const bool prefix = bool_field(converted.config, "add_prefix_space", false, here);
  Json post;
  if (roberta) {
    const auto named = [&](std::string_view key) {
      const std::string token = token_named(converted.config, key, here);
      return Json(Json::Array{Json(token), Json(id_in(vocab, token, where))});
    };
    post = typed("RobertaProcessing", {{"sep", named("sep_token")}, {"cls", named("cls_token")}});
  } else {
    post = begin_and_end(converted.config, vocab, bool_field(converted.config, "add_bos_token", false, here),
                         bool_field(converted.config, "add_eos_token", false, here), here);
  }
  converted.tokenizer = document(typed("BPE", {{"vocab", vocab}, {"merges", Json(std::move(list))}}), Json(),
                                 typed("ByteLevel", {{"add_prefix_space", Json(prefix)}, {"use_regex", Json(true)}}),
                                 std::move(post), typed("ByteLevel"));
  return converted;
}

}  // namespace ttt
