#include "base/context.h"

#include "base/enum_names.h"
#include "base/error.h"

namespace ttt {
namespace {

constexpr EnumNames<6> kStrategies{"default", "performance", "accuracy", "memory", "reference", "invariant"};

}  // namespace

std::string_view name_of(Strategy strategy) { return name_in(kStrategies, strategy); }

std::optional<Strategy> strategy_named(std::string_view name) { return value_in<Strategy>(kStrategies, name); }

Place Places::add(std::string path) {
  paths_.push_back(std::move(path));
  places_.push_back({static_cast<std::int64_t>(places_.size()), paths_.back()});
  return places_.back();
}

Context Context::at(std::string_view name) const {
  Context c = *this;
  // Without a model there is nobody to own a longer path; the outer block's name has to do.
  if (places != nullptr) c.place = places->add(text(place.path, place.path.empty() ? "" : ".", name));
  return c;
}

}  // namespace ttt
