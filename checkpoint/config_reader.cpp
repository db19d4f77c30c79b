#include "checkpoint/config_reader.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "checkpoint/printable.h"

namespace ttt {
namespace {

// What Hugging Face writes into configurations of all families and what does not reach the forward pass: identity,
// training, class labels, output switches, and defaults of generation from before generation_config.json.
constexpr std::string_view kHarmless[] = {
    "_*",
    "architectures",
    "auto_map",
    "dtype",
    "is_llama_config",
    "model_type",
    "name_or_path",
    "tokenizer_class",
    "torch_dtype",
    "transformers.js_config",
    "transformers_version",
    "unsloth*",
    "use_bfloat16",
    "use_cache",
    "tf_legacy_loss",
    "max_sequence_length",
    "model_max_length",
    "bos_token_id",
    "cls_token_id",
    "decoder_start_token_id",
    "eos_token_id",
    "mask_token_id",
    "pad_token_id",
    "sep_token_id",
    "unk_token_id",
    "attention_dropout",
    "attention_probs_dropout_prob",
    "attn_pdrop",
    "classifier_dropout",
    "dropout",
    "embd_pdrop",
    "gradient_checkpointing",
    "hidden_dropout",
    "hidden_dropout_prob",
    "initializer_factor",
    "initializer_range",
    "resid_pdrop",
    "router_aux_loss_coef",
    "router_jitter_noise",
    "finetuning_task",
    // Set by the translation of GGUF files.
    "gguf_architecture",
    "gguf_pooling_type",
    "id2label",
    "label2id",
    "num_labels",
    "prefix",
    // Another order of the same sums, from before the reference ignored it.
    "pretraining_tp",
    "problem_type",
    // What is applied to scores of pairs, after the model.
    "sbert_ce_default_activation_function",
    "sentence_transformers",
    "task_specific_params",
    "output_attentions",
    "output_hidden_states",
    "output_router_logits",
    "output_scores",
    "return_dict",
    "return_dict_in_generate",
    "torchscript",
    "chunk_size_feed_forward",
    "bad_words_ids",
    "begin_suppress_tokens",
    "diversity_penalty",
    "do_sample",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "length_penalty",
    "max_length",
    "min_length",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "remove_invalid_values",
    "repetition_penalty",
    "suppress_tokens",
    "temperature",
    "top_k",
    "top_p",
    "typical_p",
};

bool matches(std::string_view key, std::string_view pattern) {
  if (!pattern.ends_with('*')) return key == pattern;
  return key.starts_with(pattern.substr(0, pattern.size() - 1));
}

bool is_listed(std::string_view key, std::span<const std::string_view> list) {
  return std::any_of(list.begin(), list.end(), [&](std::string_view pattern) { return matches(key, pattern); });
}

// Null, false, 0, "" and empty containers ask for nothing.
bool asks_for_nothing(const Json& v) {
  if (v.is_null() || v == Json(false) || v == Json(std::string())) return true;
  if (v.is_number()) return v.as_number("") == 0;
  return v == Json(Json::Array{}) || v == Json(Json::Object{});
}

// A model is built twice, over headers and over weights: what is said twice is kept once.
void add_once(std::vector<std::string>& list, const std::string& item) {
  if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
}

std::string shown(const Json& v) {
  const std::string s = v.dump();
  return s.size() <= 200 ? s : s.substr(0, 200) + "...";
}

}  // namespace

ConfigReader::ConfigReader(const Json& json, std::string where, ConfigReport* report)
    : json_(&json), where_(std::move(where)), report_(report) {
  if (json.is_object()) return;
  fail(ErrorKind::kBadData, {.where = where_, .wanted = "an object", .got = std::string(json.type_name())});
}

ConfigReader::Part::Part(ConfigReader& reader, std::string_view name) : reader_(reader), before_(reader.readers_) {
  reader.readers_ = before_.empty() ? std::string(name) : text(name, " for ", before_);
}

void ConfigReader::fail_at(ErrorKind kind, ErrorParts parts) const {
  parts.where = where_;
  if (!readers_.empty()) parts.note = text("wanted by ", readers_);
  fail(kind, std::move(parts));
}

template <class Get>
auto ConfigReader::typed(std::string_view key, const Get& get) const {
  try {
    return get();
  } catch (const Error& e) {
    ErrorParts parts = e.parts();
    parts.field = std::string(key);
    fail_at(e.kind(), std::move(parts));
  }
}

const Json* ConfigReader::read(std::string_view key) {
  read_.emplace(key);
  const Json* v = json_->find(key);
  return v == nullptr || v->is_null() ? nullptr : v;
}

const Json& ConfigReader::required(std::string_view key) {
  const Json* v = read(key);
  if (v == nullptr) refuse(key, "is missing");
  return *v;
}

void ConfigReader::refuse(std::string_view key, const std::string& problem) const {
  fail_at(ErrorKind::kBadData, {.field = std::string(key), .problem = problem});
}

void ConfigReader::unsupported(std::string_view key, const std::string& problem) const {
  fail_at(ErrorKind::kUnsupported, {.field = std::string(key), .problem = problem});
}

bool ConfigReader::has(std::string_view key) { return read(key) != nullptr; }

bool ConfigReader::present(std::string_view key) {
  read_.emplace(key);
  return json_->find(key) != nullptr;
}

const Json* ConfigReader::value(std::string_view key) { return read(key); }

std::int64_t ConfigReader::integer_in(const IntegerRange& range, std::string_view key, const Json& v) const {
  const std::int64_t n = typed(key, [&] { return v.as_integer(""); });
  if (n >= range.min && n <= range.max) return n;
  fail_at(ErrorKind::kBadData,
          {.field = std::string(key), .wanted = text(range.min, " .. ", range.max), .got = text(n)});
}

std::optional<std::int64_t> ConfigReader::optional_integer(std::string_view key, IntegerRange range) {
  const Json* v = read(key);
  if (v == nullptr) return std::nullopt;
  return integer_in(range, key, *v);
}

std::optional<std::int64_t> ConfigReader::positions(std::string_view key) {
  const IntegerRange range{.min = 1};
  const Json* v = read(key);
  if (v != nullptr && v->is_number() && v->as_number(where_) > static_cast<double>(range.max)) return range.max;
  return optional_integer(key, range);
}

std::optional<double> ConfigReader::optional_number(std::string_view key, NumberRange range) {
  const Json* v = read(key);
  if (v == nullptr) return std::nullopt;
  const double x = typed(key, [&] { return v->as_number(""); });
  const bool inside = range.above_min ? x > range.min : x >= range.min;
  if (inside && x <= range.max) return x;
  const bool bounded = range.max < std::numeric_limits<double>::max();
  fail_at(ErrorKind::kBadData, {.field = std::string(key),
                                .wanted = text("a number ", range.above_min ? "above " : "of at least ", range.min,
                                               bounded ? text(", at most ", range.max) : std::string()),
                                .got = text(x)});
}

std::int64_t ConfigReader::integer(std::string_view key, IntegerRange range) {
  required(key);
  return *optional_integer(key, range);
}

std::int64_t ConfigReader::integer(std::string_view key, std::int64_t absent, IntegerRange range) {
  return optional_integer(key, range).value_or(absent);
}

double ConfigReader::number(std::string_view key, NumberRange range) {
  required(key);
  return *optional_number(key, range);
}

double ConfigReader::number(std::string_view key, double absent, NumberRange range) {
  return optional_number(key, range).value_or(absent);
}

bool ConfigReader::boolean(std::string_view key) {
  const Json& v = required(key);
  return typed(key, [&] { return v.as_bool(""); });
}

bool ConfigReader::boolean(std::string_view key, bool absent) {
  const Json* v = read(key);
  return v == nullptr ? absent : typed(key, [&] { return v->as_bool(""); });
}

std::string ConfigReader::string(std::string_view key) {
  const Json& v = required(key);
  return typed(key, [&] { return v.as_string(""); });
}

std::string ConfigReader::string(std::string_view key, std::string_view absent) {
  const Json* v = read(key);
  return v == nullptr ? std::string(absent) : typed(key, [&] { return v->as_string(""); });
}

std::vector<std::int64_t> ConfigReader::integers(std::string_view key, IntegerRange range) {
  const Json* v = read(key);
  if (v == nullptr) return {};
  if (!v->is_array()) return {*optional_integer(key, range)};
  std::vector<std::int64_t> result;
  for (const Json& item : v->as_array(where_)) result.push_back(integer_in(range, key, item));
  return result;
}

std::vector<std::string> ConfigReader::strings(std::string_view key) {
  const Json* v = read(key);
  std::vector<std::string> result;
  if (v == nullptr) return result;
  typed(key, [&] {
    for (const Json& item : v->as_array("")) result.push_back(item.as_string(""));
  });
  return result;
}

ConfigReader ConfigReader::nested(const Json& json, std::string where) const {
  ConfigReader part(json, std::move(where), report_);
  part.readers_ = readers_;
  return part;
}

ConfigReader ConfigReader::object(std::string_view key) { return nested(required(key), text(where_, ": ", key)); }

void ConfigReader::only(std::string_view key, const Json& supported, std::string_view hint) {
  const Json* v = read(key);
  const bool equal = v == nullptr || *v == supported ||
                     (v->is_number() && supported.is_number() && v->as_number(key) == supported.as_number(key));
  if (!equal) unsupported(key, text("is supported as ", supported.dump(), " only, got ", shown(*v), hint));
}

void ConfigReader::ignore(std::string_view key) {
  read_.emplace(key);
  const Json* v = json_->find(key);
  if (v == nullptr || asks_for_nothing(*v)) return;
  const std::string what = text(key, " has no effect in models of this type and is ignored, got ", shown(*v));
  require(report_ == nullptr || !report_->strict, ErrorKind::kUnsupported, where_, ": ", what);
  note(what);
}

void ConfigReader::contradiction(const std::string& problem) {
  if (report_ == nullptr) return;
  const std::string message = text(where_, ": ", problem);
  require(!report_->strict, ErrorKind::kBadData, message);
  add_once(report_->warnings, message);
}

void ConfigReader::note(const std::string& what) {
  if (report_ != nullptr) add_once(report_->notes, text(where_, ": ", what));
}

void ConfigReader::finish(std::span<const std::string_view> harmless) {
  ignored_.clear();
  unknown_.clear();
  for (const auto& [key, v] : json_->as_object(where_)) {
    if (read_.contains(key)) continue;
    if (key == "quantization_config" && !v.is_null()) {
      const Json* method = v.find("quant_method");
      unsupported(key,
                  text("of method ", method == nullptr ? "that is not named" : shown(*method), " is not supported"));
    }
    const bool is_harmless = is_listed(key, kHarmless) || is_listed(key, harmless);
    if (!is_harmless) unknown_.push_back(key);
    if (asks_for_nothing(v)) continue;
    if (is_harmless) {
      ignored_.push_back(key);
      continue;
    }
    if (report_ == nullptr || !report_->allow_unknown_keys) {
      fail(ErrorKind::kUnsupported, {.where = where_,
                                     .field = printable(key),
                                     .problem = text("may change results and is not understood, got ", shown(v),
                                                     " (--allow-unknown-keys ignores it)"),
                                     .note = readers_.empty() ? std::string() : text("not read by ", readers_)});
    }
    note(text(printable(key), " is not understood and ignored, as was asked for, got ", shown(v)));
  }
}

}  // namespace ttt
