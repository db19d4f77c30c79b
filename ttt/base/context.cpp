#include "base/context.h"

#include <array>

#include "base/error.h"

namespace ttt {
namespace {

constexpr std::array<std::string_view, 6> kStrategies{"default", "performance", "accuracy",
                                                      "memory",  "reference",   "invariant"};

}  // namespace

std::string_view name_of(Strategy strategy) {
  const auto i = static_cast<std::size_t>(strategy);
  return i < kStrategies.size() ? kStrategies[i] : std::string_view();
}

std::optional<Strategy> strategy_named(std::string_view name) {
  for (std::size_t i = 0; i < kStrategies.size(); ++i) {
    if (kStrategies[i] == name) return static_cast<Strategy>(i);
  }
  return std::nullopt;
}

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
