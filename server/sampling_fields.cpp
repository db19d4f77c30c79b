#include "server/sampling_fields.h"

#include <algorithm>
#include <charconv>
#include <random>
#include <utility>

namespace ttt::server {
namespace {

constexpr std::int64_t kInt32Max = 2147483647;

std::int64_t random_seed() {
  thread_local std::mt19937_64 random{(static_cast<std::uint64_t>(std::random_device{}()) << 32) ^
                                      std::random_device{}()};
  return static_cast<std::int64_t>(random() >> 1);
}

std::vector<LogitBias> read_biases(Fields& fields, const ServiceOptions& options, std::int64_t vocab) {
  constexpr std::string_view kName = "logit_bias";
  std::vector<LogitBias> biases;
  const Json* object = fields.object(kName);
  if (object == nullptr) return biases;
  const Json::Object& members = object->as_object({});
  const std::string param = fields.path(kName);
  if (std::ssize(members) > options.most_biases) {
    refuse(param, text(param, " wanted at most ", options.most_biases, " entries, got ", members.size()));
  }
  for (const auto& [key, value] : members) {
    std::int64_t id = -1;
    const auto read = std::from_chars(key.data(), key.data() + key.size(), id);
    if (read.ec != std::errc{} || read.ptr != key.data() + key.size() || id < 0 || id >= vocab) {
      refuse(param, text(param, " wanted token ids of 0 .. ", vocab - 1, " as keys, got ", Json(key).dump()));
    }
    const double bias = value.is_number() ? value.as_number({}) : 1e9;
    if (!(bias >= -100 && bias <= 100)) refuse(param, text(param, " wanted values of -100 .. 100, got ", value.dump()));
    biases.push_back({.id = static_cast<std::int32_t>(id), .bias = bias});
  }
  return biases;
}

// Known to users of other servers, and not supported here.
void refuse_known(Fields& fields) {
  fields.unsupported("best_of", "n gives several choices, and all of them are returned", 1);
  fields.unsupported("use_beam_search", "there is no beam search", false);
  fields.unsupported("length_penalty", "there is no beam search", 1.0);
  fields.unsupported("early_stopping", "there is no beam search", false);
  fields.unsupported("allowed_token_ids", "logit_bias rules tokens out");
  fields.unsupported("bad_words", "logit_bias rules tokens out", Json::Array{});
  fields.unsupported("prompt_logprobs", "echo with logprobs of /v1/completions gives them");
  fields.unsupported("logits_processors", "requests bring no code");
  fields.unsupported("kv_transfer_params", "there is one server");
  fields.unsupported("spaces_between_special_tokens", "the tokenizer's decoder says where spaces are", true);
}

}  // namespace

StreamFields read_stream_fields(Fields& fields) {
  StreamFields s{.stream = fields.boolean("stream").value_or(false)};
  const Json* options = fields.object("stream_options");
  if (options == nullptr) return s;
  if (!s.stream) refuse("stream_options", "stream_options wanted stream to be true");
  Fields inner(*options, "stream_options.");
  s.include_usage = inner.boolean("include_usage").value_or(false);
  return s;
}

void read_model(Fields& fields, const ServedModel& model) {
  const std::optional<std::string> name = fields.string("model");
  if (!name || name->empty() || model.known(*name)) return;
  throw ApiException({.status = 404,
                      .message = text("the model ", Json(*name).dump(), " does not exist; there is ",
                                      Json(model.names.front()).dump()),
                      .param = "model",
                      .code = "model_not_found"});
}

void read_generating_model(Fields& fields, const ServedModel& model) {
  read_model(fields, model);
  if (model.backend != nullptr) return;
  refuse_unsupported("model",
                     "this model embeds or ranks texts and does not continue them; see /v1/embeddings and /v1/rerank");
}

std::vector<std::string> read_strings(Fields& fields, std::string_view name, std::int64_t most) {
  constexpr std::size_t kLongest = 4096;
  std::vector<std::string> strings;
  const Json* v = fields.value(name);
  if (v == nullptr) return strings;
  const std::string param = fields.path(name);
  if (v->is_string()) {
    strings.push_back(v->as_string({}));
  } else if (v->is_array()) {
    for (const Json& s : v->as_array({})) {
      if (!s.is_string()) fields.refuse_type(name, "strings", s);
      strings.push_back(s.as_string({}));
    }
  } else {
    fields.refuse_type(name, "a string or a list of strings", *v);
  }
  if (std::ssize(strings) > most) {
    refuse(param, text(param, " wanted at most ", most, " strings, got ", strings.size()));
  }
  for (const std::string& s : strings) {
    if (s.empty() || s.size() > kLongest) {
      refuse(param, text(param, " wanted strings of 1 .. ", kLongest, " bytes, got one of ", s.size()));
    }
  }
  return strings;
}

EngineRequest read_sampling(Fields& fields, const ServiceOptions& options, const ServedModel& model,
                            const std::vector<std::int32_t>& end_ids) {
  refuse_known(fields);
  const GenerationDefaults& d = model.defaults;
  constexpr double kMostTemperature = 100;
  EngineRequest r;
  SamplingSpec& s = r.sampling;
  s.temperature = fields.number("temperature", 0, kMostTemperature).value_or(d.temperature.value_or(1.0));
  s.top_p = fields.number("top_p", 0, 1).value_or(d.top_p.value_or(1.0));
  s.min_p = fields.number("min_p", 0, 1).value_or(d.min_p.value_or(0.0));
  s.typical_p = d.typical_p.value_or(1.0);
  s.top_k = std::max<std::int64_t>(0, fields.integer("top_k", -1, kInt32Max).value_or(d.top_k.value_or(0)));
  s.repetition_penalty = fields.number("repetition_penalty", 1e-3, 1e3).value_or(d.repetition_penalty.value_or(1.0));
  s.presence_penalty = fields.number("presence_penalty", -2, 2).value_or(0);
  s.frequency_penalty = fields.number("frequency_penalty", -2, 2).value_or(0);
  for (const auto& [id, bias] : d.biases) s.logit_bias.push_back({.id = id, .bias = bias});
  for (const LogitBias& own : read_biases(fields, options, model.vocab)) {
    std::erase_if(s.logit_bias, [&](const LogitBias& b) { return b.id == own.id; });
    s.logit_bias.push_back(own);
  }
  s.bad_words = d.bad_words;
  s.seed = fields.integer("seed").value_or(random_seed());
  r.n = fields.integer("n", 1, options.most_choices).value_or(1);
  r.stop = read_strings(fields, "stop", options.most_stops);
  r.keep_stop = fields.boolean("include_stop_str_in_output").value_or(false);
  constexpr std::size_t kMostIds = 1024;
  r.stop_ids = fields.ids("stop_token_ids", model.vocab, kMostIds);
  r.min_new_tokens = fields.integer("min_tokens", 0, model.context).value_or(0);
  r.ignore_end = fields.boolean("ignore_eos").value_or(false);
  r.skip_special = fields.boolean("skip_special_tokens").value_or(true);
  r.priority = fields.integer("priority", -kInt32Max, kInt32Max).value_or(0);
  r.end_ids = end_ids;
  if (const auto salt = fields.string("cache_salt")) r.cache_key = *salt;
  for (const char* name : {"user", "metadata", "service_tier", "store", "safety_identifier", "prompt_cache_key",
                           "return_tokens_as_token_ids", "detokenize", "prompt_cache_retention", "verbosity",
                           "guided_decoding_disable_fallback"}) {
    fields.ignore(name);
  }
  return r;
}

void set_prompt(EngineRequest& request, std::vector<std::int32_t> ids, Fields& fields, const ServedModel& model,
                std::optional<std::int64_t> wanted, const std::string& param) {
  const std::int64_t context = model.context;
  if (const auto keep = fields.integer("truncate_prompt_tokens", -1, kInt32Max)) {
    const std::int64_t room = std::max<std::int64_t>(1, context - wanted.value_or(1));
    const std::int64_t most = *keep == -1 ? room : *keep;
    if (most == 0) refuse("truncate_prompt_tokens", "truncate_prompt_tokens wanted -1 or at least 1, got 0");
    if (std::ssize(ids) > most) ids.erase(ids.begin(), ids.end() - most);
  }
  if (ids.empty()) refuse(param, text(param, " wanted at least one token, got none"));
  for (const std::int32_t id : ids) {
    if (id >= model.vocab) {
      refuse(param, text(param, " holds token ", id, ", which the model does not know: it knows ", model.vocab));
    }
  }
  const std::int64_t prompt = std::ssize(ids), most = context - prompt;
  if (prompt >= context || wanted.value_or(0) > most) {
    const std::string asked =
        wanted ? text(prompt + *wanted, " tokens (", prompt, " in ", param, ", ", *wanted, " in the completion)")
               : text(prompt, " tokens in ", param, ", and at least one more");
    refuse(param,
           text("This model's maximum context length is ", context, " tokens. However, you requested ", asked,
                ". Please reduce the length of the ", param, " or of the completion."),
           "context_length_exceeded");
  }
  request.prompt = std::move(ids);
  request.max_new_tokens = wanted.value_or(most);
  if (request.min_new_tokens > request.max_new_tokens) {
    refuse("min_tokens", text("min_tokens wanted at most the ", request.max_new_tokens,
                              " tokens of the completion, got ", request.min_new_tokens));
  }
}

void finish_fields(const Fields& fields, const ServiceOptions& options) {
  if (!options.strict_requests) return;
  const std::string unknown = fields.unknown();
  if (!unknown.empty()) refuse(unknown, text(unknown, " is not known"), "unknown_parameter");
}

}  // namespace ttt::server
