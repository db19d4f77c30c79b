#include "model/scope.h"

namespace ttt {

Scope Scope::operator/(std::string_view name) const {
  Scope s = *this;
  s.recorded_.clear();
  if (!name.empty()) s.path_ = path_.empty() ? std::string(name) : text(path_, ".", name);
  return s;
}

Scope Scope::recorded_as(std::string name) const {
  Scope s = *this;
  s.recorded_ = std::move(name);
  return s;
}

void FetchingBinder::bind(ConstTensorView& field, const WeightRequest& request) {
  field = source_.fetch(request);
  record_.weights.push_back({.name = request.full_name(),
                             .shape = field.shape,
                             .format = field.format,
                             .use = request.use,
                             .parameters = request.cut_shape().elements()});
}

}  // namespace ttt
