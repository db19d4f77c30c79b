#include <algorithm>
#include <limits>

#include "base/error.h"
#include "checkpoint/config_reader.h"

namespace ttt {
namespace {

constexpr IntegerRange kTokenIds{.min = -1, .max = std::numeric_limits<std::int64_t>::max()};
constexpr std::string_view kHint = " (--ignore-generation-config leaves the file out)";

// An id of the vocabulary; -1 is how some files write "none".
std::optional<std::int64_t> optional_id(ConfigReader& c, std::string_view key, std::int64_t vocab_size) {
  const auto id = c.optional_integer(key, kTokenIds);
  return id && *id >= 0 && *id < vocab_size ? id : std::nullopt;
}

// What changes the tokens of Hugging Face's generate and is not built, with the value that asks for nothing.
void refuse_unsupported(ConfigReader& c) {
  for (const char* key :
       {"num_beams", "num_beam_groups", "num_return_sequences", "guidance_scale", "encoder_repetition_penalty"}) {
    c.only(key, Json(1), kHint);
  }
  for (const char* key : {"diversity_penalty", "penalty_alpha", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size",
                          "epsilon_cutoff", "eta_cutoff", "min_length", "min_new_tokens"}) {
    c.only(key, Json(0), kHint);
  }
  for (const char* key : {"token_healing", "remove_invalid_values"}) c.only(key, Json(false), kHint);
  for (const char* key : {"dola_layers", "top_h", "forced_bos_token_id", "forced_eos_token_id", "watermarking_config",
                          "exponential_decay_length_penalty", "max_time"}) {
    c.only(key, Json(), kHint);
  }
  for (const char* key : {"begin_suppress_tokens", "constraints", "force_words_ids", "stop_strings"}) {
    c.only(key, Json(Json::Array{}), kHint);
  }
}

// A list of ids of the vocabulary. `beyond`: those from `vocab` on, which no model of that size generates, are left
// out.
std::vector<std::int32_t> ids_in(const ConfigReader& c, std::string_view key, const Json& list, std::int64_t vocab,
                                 bool beyond = false) {
  std::vector<std::int32_t> ids;
  if (!list.is_array()) c.refuse(key, text("wanted lists of ids, got ", list.type_name()));
  for (const Json& id : list.as_array(key)) {
    if (beyond && id.is_integer() && id.as_integer(key) >= vocab) continue;
    const bool known = id.is_integer() && id.as_integer(key) >= 0 && id.as_integer(key) < vocab;
    if (!known) c.refuse(key, text("wanted ids from 0 to ", vocab - 1, ", got ", id.dump()));
    ids.push_back(static_cast<std::int32_t>(id.as_integer(key)));
  }
  return ids;
}

// [[[ids], bias], ...], as Hugging Face writes it.
void read_sequence_bias(ConfigReader& c, std::int64_t vocab, GenerationDefaults& d) {
  constexpr std::string_view kKey = "sequence_bias";
  const Json* list = c.value(kKey);
  if (list == nullptr) return;
  if (!list->is_array()) c.refuse(kKey, text("wanted a list of pairs, got ", list->type_name()));
  for (const Json& pair : list->as_array(kKey)) {
    const bool right = pair.is_array() && pair.as_array(kKey).size() == 2 && pair.as_array(kKey)[1].is_number();
    if (!right) c.refuse(kKey, text("wanted pairs of ids and a number, got ", pair.dump()));
    const std::vector<std::int32_t> ids = ids_in(c, kKey, pair.as_array(kKey)[0], vocab);
    require(ids.size() == 1, ErrorKind::kUnsupported, c.where(), ": ", kKey, " is supported for single ids, got ",
            ids.size(), kHint);
    d.biases.emplace_back(ids[0], pair.as_array(kKey)[1].as_number(kKey));
  }
}

void read_exclusions(ConfigReader& c, std::int64_t vocab, GenerationDefaults& d) {
  if (const Json* words = c.value("bad_words_ids"); words != nullptr) {
    if (!words->is_array()) c.refuse("bad_words_ids", text("wanted lists of ids, got ", words->type_name()));
    for (const Json& word : words->as_array("bad_words_ids")) {
      d.bad_words.push_back(ids_in(c, "bad_words_ids", word, vocab));
      if (d.bad_words.back().empty()) c.refuse("bad_words_ids", "wanted words of at least one id, got none");
    }
  }
  if (const Json* ids = c.value("suppress_tokens"); ids != nullptr) {
    for (const std::int32_t id : ids_in(c, "suppress_tokens", *ids, vocab, true)) {
      d.biases.emplace_back(id, -std::numeric_limits<double>::infinity());
    }
  }
}

}  // namespace

const Json& text_part(const Json& config) {
  const Json* text = config.find("text_config");
  return text != nullptr && text->is_object() ? *text : config;
}

std::vector<std::int64_t> end_token_ids(const Json& config, std::string_view config_where,
                                        const Json& generation_config, std::string_view generation_where,
                                        std::int64_t vocab_size, ConfigReport* report) {
  const auto read = [&](const Json& json, std::string where) {
    ConfigReader c(json, std::move(where), report);
    std::vector<std::int64_t> ids = c.integers("eos_token_id", kTokenIds);
    for (const std::int64_t id : ids) {
      if (id < vocab_size) continue;
      const std::string what = text("eos_token_id wanted -1 .. ", vocab_size - 1, ", got ", id);
      require(report == nullptr || !report->strict, ErrorKind::kBadData, c.where(), ": ", what);
      c.note(what + ", which is never generated");
    }
    std::erase_if(ids, [&](std::int64_t id) { return id < 0 || id >= vocab_size; });
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return ids;
  };
  if (!generation_config.is_null()) {
    std::vector<std::int64_t> ids = read(generation_config, std::string(generation_where));
    if (!ids.empty()) return ids;
  }
  std::vector<std::int64_t> ids = read(config, std::string(config_where));
  const Json& text_model = text_part(config);
  return !ids.empty() || &text_model == &config ? ids : read(text_model, text(config_where, ": text_config"));
}

GenerationDefaults generation_defaults(const Json& generation_config, std::string_view where, std::int64_t vocab_size) {
  GenerationDefaults d;
  if (generation_config.is_null()) return d;
  ConfigReader c(generation_config, std::string(where));
  if (c.has("do_sample")) d.do_sample = c.boolean("do_sample");
  d.temperature = c.optional_number("temperature", {.min = 0, .max = 100});
  d.top_p = c.optional_number("top_p", {.min = 0, .max = 1});
  d.min_p = c.optional_number("min_p", {.min = 0, .max = 1});
  d.typical_p = c.optional_number("typical_p", {.min = 0, .max = 1, .above_min = true});
  d.repetition_penalty = c.optional_number("repetition_penalty", {.min = 0, .max = 100, .above_min = true});
  d.top_k = c.optional_integer("top_k", {.min = -1});
  if (d.top_k == std::int64_t{-1}) d.top_k = 0;  // both mean: all
  d.max_new_tokens = c.optional_integer("max_new_tokens", {.min = 1});
  d.bos_token_id = optional_id(c, "bos_token_id", vocab_size);
  d.pad_token_id = optional_id(c, "pad_token_id", vocab_size);
  read_sequence_bias(c, vocab_size, d);
  read_exclusions(c, vocab_size, d);
  refuse_unsupported(c);
  return d;
}

}  // namespace ttt
