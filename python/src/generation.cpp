#include "python/src/generation.h"

#include <utility>

#include "base/error.h"
#include "base/fields.h"
#include "runtime/generation_options.h"

namespace ttt::python {
namespace {

std::vector<std::int64_t> ids_of(const Json& json, std::string_view name) {
  std::vector<std::int64_t> ids;
  for (const Json& id : json.as_array(name)) ids.push_back(id.as_integer(name));
  return ids;
}

// What a model's files may set, or else the library does.
bool choose(SamplingChoice& choice, std::string_view name, const Json& value) {
  for (const auto& [known, field] :
       {std::pair<std::string_view, std::optional<double>*>{"temperature", &choice.temperature},
        {"top_p", &choice.top_p},
        {"min_p", &choice.min_p},
        {"typical_p", &choice.typical_p},
        {"repetition_penalty", &choice.repetition_penalty}}) {
    if (name != known) continue;
    *field = value.as_number(name);
    return true;
  }
  if (name != "top_k") return false;
  choice.top_k = value.as_integer(name);
  return true;
}

struct Rest {
  Json sampling{Json::Object{}};
  std::optional<std::vector<std::int64_t>> end_ids = {};
  std::int64_t max_new_tokens = GenerateOptions{}.max_new_tokens;
  bool ignore_end = false, ignore_generation_config = false;
};

void read(const Json& arguments, SamplingChoice& choice, Rest& rest) {
  for (const auto& [name, value] : arguments.as_object("arguments")) {
    if (value.is_null() || choose(choice, name, value)) continue;
    if (name == "max_new_tokens") {
      rest.max_new_tokens = value.as_integer(name);
    } else if (name == "end_ids") {
      rest.end_ids = ids_of(value, name);
    } else if (name == "ignore_end") {
      rest.ignore_end = value.as_bool(name);
    } else if (name == "ignore_generation_config") {
      rest.ignore_generation_config = value.as_bool(name);
    } else {
      rest.sampling.set(name, value);
    }
  }
}

}  // namespace

GenerateOptions generate_options(PyModel& model, const Json& arguments) {
  SamplingChoice choice;
  Rest rest;
  try {
    read(arguments, choice, rest);
  } catch (const Error& e) {
    fail(ErrorKind::kUsage, e.parts());  // the caller's values, not a file's
  }
  require(rest.max_new_tokens >= 0, ErrorKind::kUsage, "max_new_tokens wanted a number of at least 0, got ",
          rest.max_new_tokens);
  const std::int64_t vocab = model.model().vocab_size();
  const Tokenizer* tokenizer = model.has_tokenizer() ? &model.tokenizer() : nullptr;
  GenerateOptions options =
      generation_options(choice, model.checkpoint(), tokenizer, vocab, rest.ignore_generation_config);
  options.max_new_tokens = rest.max_new_tokens;
  ttt::from_json(options.sampling, rest.sampling, "generate");
  if (rest.end_ids) options.end_ids = *rest.end_ids;
  if (rest.ignore_end) options.end_ids.clear();
  validate(options.sampling, vocab);
  return options;
}

GenerationStream::GenerationStream(std::shared_ptr<PyModel> model, std::vector<std::int32_t> prompt,
                                   GenerateOptions options)
    : model_(std::move(model)), prompt_(std::move(prompt)), options_(std::move(options)) {
  const Model& m = model_->model();
  require(m.output() == OutputKind::kLogits && m.input_size() == 0, ErrorKind::kUnsupported,
          "a generation wanted a model whose output is logits, got ", name_of(m.output()));
  require(m.has_encoder() || options_.source.empty(), ErrorKind::kUsage,
          "a source wanted a model with an encoder and a decoder, got one without");
  const std::int64_t length = static_cast<std::int64_t>(prompt_.size()), context = model_->context();
  require(length > 0, ErrorKind::kUsage, "the prompt wanted at least one token, got none");
  require(length <= context, ErrorKind::kUsage, "the prompt wanted at most ", context, " tokens (the context), got ",
          length);
}

void GenerationStream::begin() {
  lease_ = model_->decoding_runner();
  sequence_ = lease_->create();
  if (model_->model().has_encoder()) lease_->encode(sequence_, options_.source);
  if (model_->has_tokenizer()) {
    decoder_.emplace(model_->tokenizer(), DecodeOptions{.skip_special = true});
    if (!model_->model().has_encoder()) decoder_->continue_after(prompt_);
  }
  const std::span<const float> logits = lease_->extend(sequence_, prompt_);
  generation_.emplace(*lease_, sequence_, prompt_, logits, options_, 0);
}

GeneratedToken GenerationStream::token(SampleResult sample) {
  GeneratedToken token{.sample = std::move(sample)};
  if (!decoder_) return token;
  // A vocabulary may hold ids that are no tokens: gaps, and what pads it.
  token.text = model_->tokenizer().is_token(token.sample.id) ? decoder_->push(token.sample.id) : std::string();
  return token;
}

std::optional<GeneratedToken> GenerationStream::end() {
  reason_ = generation_->reason();
  close();
  if (!decoder_) return std::nullopt;
  std::string rest = decoder_->finish();
  if (rest.empty()) return std::nullopt;
  return GeneratedToken{.sample = {.id = -1}, .text = std::move(rest)};
}

std::optional<GeneratedToken> GenerationStream::next() {
  if (over_) return std::nullopt;
  return model_->compute([&]() -> std::optional<GeneratedToken> {
    if (over_) return std::nullopt;
    if (!generation_) begin();
    std::optional<SampleResult> sample = generation_->next();
    if (!sample) return end();
    return token(std::move(*sample));
  });
}

void GenerationStream::stop() {
  if (!over_) model_->compute([&] { close(); });
}

void GenerationStream::close() {
  over_ = true;
  generation_.reset();
  sequence_ = Sequence();
  lease_ = Lease();
}

}  // namespace ttt::python
