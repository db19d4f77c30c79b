#include "text/template/template.h"

#include "base/utf8.h"
#include "text/template/functions.h"
#include "text/template/rendering.h"

namespace ttt {
namespace {

using jinja::Value;

bool is_word(const std::string& s) {
  return !s.empty() &&
         s.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == std::string::npos;
}

Value messages_value(const Json& messages) {
  if (!messages.is_array()) return Value::from_json(messages);
  std::vector<Value> all;
  for (const Json& message : messages.as_array("")) {
    if (!message.is_object()) {
      all.push_back(Value::from_json(message));
      continue;
    }
    jinja::Dict d;
    for (const auto& [key, v] : message.as_object("")) {
      const bool role = key == "role" && v.is_string() && is_word(v.as_string(""));
      d.set(jinja::to_text(key, true), role ? Value(jinja::to_text(v.as_string(""))) : Value::from_json(v));
    }
    all.emplace_back(std::move(d));
  }
  return Value::list(std::move(all));
}

}  // namespace

struct Template::Parsed {
  std::string where;
  TemplateLimits limits;
  jinja::Block block;
};

Template::Template(std::unique_ptr<Parsed> parsed) : parsed_(std::move(parsed)) {}
Template::~Template() = default;
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;

Template Template::parse(std::string_view source, std::string where, const TemplateLimits& limits) {
  require(source.size() <= static_cast<std::size_t>(limits.source), ErrorKind::kBadData, where,
          ": a template wanted at most ", limits.source, " bytes, got ", source.size());
  auto parsed = std::make_unique<Parsed>(Parsed{.where = std::move(where), .limits = limits, .block = {}});
  parsed->block = jinja::parse_template(source, parsed->where);
  return Template(std::move(parsed));
}

Rendered Template::render(const Json& request, const Json& trusted, const RenderOptions& options) const {
  jinja::Rendering rendering(parsed_->where, parsed_->limits, options);
  try {
    return rendered(rendering, request, trusted);
  } catch (const jinja::Misuse& misuse) {
    rendering.refuse(misuse.reason);
  }
}

Rendered Template::rendered(jinja::Rendering& rendering, const Json& request, const Json& trusted) const {
  jinja::add_globals(rendering, rendering.globals());
  jinja::Scope& names = rendering.top();
  // Names outlive the scope: they point into the requests.
  if (trusted.is_object()) {
    for (const auto& [name, value] : trusted.as_object("")) {
      const bool text = value.is_string();
      names.set(name, text ? Value(jinja::to_text(value.as_string(""))) : Value::from_json(value));
    }
  }
  if (request.is_object()) {
    for (const auto& [name, value] : request.as_object("")) {
      names.set(name, name == "messages" ? messages_value(value) : Value::from_json(value));
    }
  }
  names.set("self", jinja::make_self(rendering, parsed_->block));
  jinja::Text out;
  rendering.run(parsed_->block, names, out);
  Rendered result;
  for (const char32_t c : out) {
    const bool input = jinja::mark_of(c) != 0;
    const std::size_t begin = result.text.size();
    append_utf8(result.text, jinja::plain(c));
    if (!input) continue;
    if (!result.input.empty() && result.input.back().end == begin) {
      result.input.back().end = result.text.size();
    } else {
      result.input.push_back({.begin = begin, .end = result.text.size()});
    }
  }
  return result;
}

std::string Template::literals() const {
  std::string all;
  jinja::for_each_literal(parsed_->block, [&](const jinja::Text& t) { all += jinja::to_utf8(t) + '\0'; });
  return all;
}

}  // namespace ttt
