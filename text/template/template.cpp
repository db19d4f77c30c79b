#include "text/template/template.h"

#include "base/utf8.h"
#include "text/template/functions.h"
#include "text/template/rendering.h"

namespace ttt {

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
  jinja::add_globals(rendering, rendering.globals());
  jinja::Scope& names = rendering.top();
  // Names outlive the scope: they point into the requests.
  if (trusted.is_object()) {
    for (const auto& [name, value] : trusted.as_object("")) {
      const bool text = value.is_string();
      names.set(name, text ? jinja::Value(jinja::to_text(value.as_string(""))) : jinja::Value::from_json(value));
    }
  }
  if (request.is_object()) {
    for (const auto& [name, value] : request.as_object("")) names.set(name, jinja::Value::from_json(value));
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

}  // namespace ttt
