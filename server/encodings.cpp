// Embeddings and ranks of texts, by encoders.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "server/handlers.h"
#include "server/sampling_fields.h"

namespace ttt::server {
namespace {

std::string base64(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string s;
  s.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
    unsigned word = 0;
    for (std::size_t k = 0; k < 3; ++k) word = word << 8 | (k < n ? std::to_integer<unsigned>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) s.push_back(k <= n ? kDigits[word >> (18 - 6 * k) & 63] : '=');
  }
  return s;
}

void require_encoder(bool has, std::string_view what, std::string_view instead) {
  if (has) return;
  throw ApiException({.status = 501,
                      .message = text("this model does not ", what, " texts; ", instead),
                      .type = "not_supported_error",
                      .param = "model",
                      .code = "unsupported"});
}

void require_ids(const std::vector<std::int32_t>& ids, const ServedModel& model, const std::string& param) {
  if (ids.empty()) refuse(param, text(param, " wanted at least one token, got none"));
  for (const std::int32_t id : ids) {
    if (id < model.vocab) continue;
    refuse(param, text(param, " holds token ", id, ", which the model does not know: it knows ", model.vocab));
  }
}

// Texts that are longer than the model's context are cut where the request says so, and else refused.
Encoding checked(Encoding text, const ServedModel& model, bool truncates, const std::string& param) {
  require_ids(text.ids, model, param);
  if (truncates || std::ssize(text.ids) <= model.context) return text;
  refuse(param,
         ttt::text("This model's maximum context length is ", model.context, " tokens. However, ", param, " has ",
                   text.ids.size(), ". truncate_prompt_tokens -1 cuts it."),
         "context_length_exceeded");
}

TextLimit limit_of(Fields& fields, const ServedModel& model, bool& truncates) {
  const auto keep = fields.integer("truncate_prompt_tokens", -1, 2147483647);
  truncates = keep.has_value();
  if (!keep) return {};
  TextLimit limit = model.text_limit;
  if (*keep > 0) limit.ids = std::min(limit.ids, *keep);
  return limit;
}

std::vector<Encoding> read_inputs(Fields& fields, const ServedModel& model, const ServiceOptions& options) {
  bool truncates = false;
  const TextLimit limit = limit_of(fields, model, truncates);
  const Json* v = fields.value("input");
  if (v == nullptr) refuse("input", "input is missing", "missing_required_parameter");
  std::vector<Encoding> texts;
  const auto add = [&](const std::string& s) {
    if (s.empty()) refuse("input", "input wanted texts that are not empty");
    texts.push_back(checked(model.tokenizer->encode_with_types(model.embedding_prompt + s, {.limit = limit}), model,
                            truncates, "input"));
  };
  const auto add_ids = [&](const Json::Array& list) {
    Encoding e;
    for (const Json& id : list) e.ids.push_back(token_id(id, "input", model.vocab));
    e.types.assign(e.ids.size(), 0);
    texts.push_back(checked(std::move(e), model, false, "input"));
  };
  if (v->is_string()) {
    add(v->as_string({}));
    return texts;
  }
  if (!v->is_array()) fields.refuse_type("input", "a string, token ids, or a list of either", *v);
  const Json::Array& list = v->as_array({});
  if (list.empty()) refuse("input", "input wanted at least one text, got none");
  if (list.front().is_number()) {
    add_ids(list);
    return texts;
  }
  if (std::ssize(list) > options.most_texts) {
    refuse("input", text("input wanted at most ", options.most_texts, " texts, got ", list.size()));
  }
  for (const Json& one : list) {
    if (one.is_string()) {
      add(one.as_string({}));
    } else if (one.is_array()) {
      add_ids(one.as_array({}));
    } else {
      fields.refuse_type("input", "strings or lists of token ids", one);
    }
  }
  return texts;
}

// The first `width` values, of length one, as models for shortened embeddings are used.
std::vector<float> shortened(std::span<const float> row, std::int64_t width) {
  std::vector<float> cut(row.begin(), row.begin() + width);
  if (width == std::ssize(row)) return cut;
  double sum = 0;
  for (const float v : cut) sum += static_cast<double>(v) * static_cast<double>(v);
  const double length = std::sqrt(sum);
  if (length > 0) {
    for (float& v : cut) v = static_cast<float>(static_cast<double>(v) / length);
  }
  return cut;
}

void embed(const std::shared_ptr<Call>& call, const Json& body) {
  const ServedModel& model = call->service().model();
  const ServiceOptions& options = call->service().options();
  Fields fields(body);
  read_model(fields, model);
  require_encoder(static_cast<bool>(model.embed), "embed", "an encoder does, such as all-MiniLM-L6-v2");
  const std::string format = fields.string("encoding_format").value_or("float");
  if (format != "float" && format != "base64") {
    refuse("encoding_format", text("encoding_format wanted float or base64, got ", Json(format).dump()));
  }
  const std::int64_t width = fields.integer("dimensions", 1, model.embedding_width).value_or(model.embedding_width);
  const std::vector<Encoding> texts = read_inputs(fields, model, options);
  fields.ignore("user");
  finish_fields(fields, options);
  std::int64_t tokens = 0;
  for (const Encoding& t : texts) tokens += std::ssize(t.ids);
  call->usage.prompt = tokens;
  const std::vector<float> all = model.embed(texts);
  Json data{Json::Array{}};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto whole = static_cast<std::size_t>(model.embedding_width);
    const std::vector<float> row = shortened(std::span(all).subspan(i * whole, whole), width);
    Json one{Json::Object{}};
    one.set("object", "embedding");
    one.set("index", static_cast<std::int64_t>(i));
    if (format == "base64") {
      static_assert(std::endian::native == std::endian::little);
      one.set("embedding", base64(std::as_bytes(std::span(row))));
    } else {
      Json values{Json::Array{}};
      for (const float v : row) values.push(static_cast<double>(v));
      one.set("embedding", std::move(values));
    }
    data.push(std::move(one));
  }
  Json answer{Json::Object{}};
  answer.set("object", "list");
  answer.set("model", model.names.front());
  answer.set("data", std::move(data));
  answer.set("usage", Json::Object{{"prompt_tokens", Json(tokens)}, {"total_tokens", Json(tokens)}});
  call->json(answer);
}

void rerank(const std::shared_ptr<Call>& call, const Json& body) {
  const ServedModel& model = call->service().model();
  const ServiceOptions& options = call->service().options();
  Fields fields(body);
  read_model(fields, model);
  require_encoder(static_cast<bool>(model.score), "rank", "a cross encoder does");
  const std::string query = fields.required_string("query");
  bool truncates = false;
  const TextLimit limit = limit_of(fields, model, truncates);
  const Json::Array* documents = fields.array("documents");
  if (documents == nullptr) refuse("documents", "documents is missing", "missing_required_parameter");
  if (documents->empty()) refuse("documents", "documents wanted at least one, got none");
  if (std::ssize(*documents) > options.most_texts) {
    refuse("documents", text("documents wanted at most ", options.most_texts, ", got ", documents->size()));
  }
  const std::int64_t top = fields.integer("top_n", 1).value_or(std::ssize(*documents));
  const bool with_documents = fields.boolean("return_documents").value_or(true);
  fields.ignore("user");
  finish_fields(fields, options);
  std::vector<Encoding> pairs;
  std::vector<std::string> texts;
  for (const Json& d : *documents) {
    const Json* inner = d.is_object() ? d.find("text") : &d;  // {"text": ...}, as some clients send it
    if (inner == nullptr || !inner->is_string()) fields.refuse_type("documents", "strings", d);
    texts.push_back(inner->as_string({}));
    pairs.push_back(
        checked(model.tokenizer->encode_pair(query, texts.back(), {.limit = limit}), model, truncates, "documents"));
    call->usage.prompt += std::ssize(pairs.back().ids);
  }
  const std::vector<double> scores = model.score(pairs);
  std::vector<std::size_t> order(scores.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  order.resize(std::min(order.size(), static_cast<std::size_t>(top)));
  Json results{Json::Array{}};
  for (const std::size_t i : order) {
    Json one{Json::Object{}};
    one.set("index", static_cast<std::int64_t>(i));
    one.set("relevance_score", scores[i]);
    if (with_documents) one.set("document", Json::Object{{"text", Json(texts[i])}});
    results.push(std::move(one));
  }
  Json answer{Json::Object{}};
  answer.set("id", "rerank-" + call->exchange().id());
  answer.set("model", model.names.front());
  answer.set("results", std::move(results));
  answer.set("usage", Json::Object{{"total_tokens", Json(call->usage.prompt)}});
  call->json(answer);
}

}  // namespace

void post_embeddings(const std::shared_ptr<Call>& call) { call->service().read_body(call, embed); }
void post_rerank(const std::shared_ptr<Call>& call) { call->service().read_body(call, rerank); }

}  // namespace ttt::server
