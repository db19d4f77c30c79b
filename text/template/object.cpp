#include "text/template/object.h"

#include "text/template/rendering.h"

namespace ttt::jinja {

Text Object::repr() const { return to_text(text("<", type_name(), ">")); }

Value Object::call(Rendering& rendering, const Call&) {
  rendering.refuse(text("'", type_name(), "' object is not callable"));
}

std::optional<Value> Object::attribute(Rendering&, std::string_view) { return std::nullopt; }

Parameters::Parameters(Rendering& rendering, std::string_view function, const Call& call, std::size_t needed,
                       std::span<const std::string_view> names)
    : rendering_(rendering), function_(function), names_(names), values_(names.size()) {
  if (call.positional.size() > names.size()) {
    rendering.refuse(
        ttt::text(function, "() takes at most ", names.size(), " arguments (", call.positional.size(), " given)"));
  }
  for (std::size_t i = 0; i < call.positional.size(); ++i) values_[i] = call.positional[i];
  for (const auto& [name, value] : call.named) {
    std::size_t i = 0;
    while (i < names.size() && names[i] != name) ++i;
    if (i == names.size()) rendering.refuse(ttt::text(function, "() got an unexpected keyword argument '", name, "'"));
    if (values_[i]) rendering.refuse(ttt::text(function, "() got multiple values for argument '", name, "'"));
    values_[i] = value;
  }
  for (std::size_t i = 0; i < needed; ++i) {
    if (!values_[i]) rendering.refuse(ttt::text(function, "() missing required argument: '", names[i], "'"));
  }
}

Text Parameters::text(std::size_t i) const {
  rendering_.require_defined(*values_[i]);
  if (const Text* t = values_[i]->text()) return *t;
  rendering_.refuse(ttt::text(function_, "() argument '", names_[i], "' wanted str, got ", values_[i]->type_name()));
}

std::int64_t Parameters::integer(std::size_t i) const {
  rendering_.require_defined(*values_[i]);
  if (values_[i]->is_integer() || values_[i]->is_bool()) return values_[i]->integer();
  rendering_.refuse(ttt::text(function_, "() argument '", names_[i], "' wanted int, got ", values_[i]->type_name()));
}

}  // namespace ttt::jinja
