#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/traits.h"

namespace ttt {

// How default_impl_config chooses. No strategy changes what is computed beyond rounding.
enum class Strategy : std::uint8_t {
  kDefault,      // activations in the form that suits the weights (int8 for grouped ones), state in f32
  kPerformance,  // as kDefault, state in bf16: half the bytes that attention reads
  kAccuracy,     // activations and state in f32
  kMemory,       // as kDefault, state in int8
  kReference,    // plain double-precision arithmetic, state in f32; slow, for tests
  kInvariant,    // bitwise the same over batch, slot, threads, splits and ranks
};
std::string_view name_of(Strategy strategy);  // "default", "performance", ...
std::optional<Strategy> strategy_named(std::string_view name);

// Where a block sits in a model. `path` lives as long as the Places (or the literal) it came from.
struct Place {
  std::int64_t index = -1;  // -1: built without a model
  std::string_view path = {};
};

// The places of one model, by index.
class Places {
 public:
  Place add(std::string path);
  const Place& operator[](std::int64_t index) const { return places_[static_cast<std::size_t>(index)]; }
  std::int64_t size() const { return static_cast<std::int64_t>(places_.size()); }

 private:
  std::deque<std::string> paths_;
  std::deque<Place> places_;
};

// What is fixed when a block is built. No result depends on it beyond rounding.
struct Context {
  DeviceTraits traits = {};
  std::int64_t rank = 0, ranks = 1;
  Place place = {};
  std::int64_t state_slot = 0;  // index into Step::states
  Places* places = nullptr;     // where contained blocks are registered; null without a model

  // The context of a contained block: same device and ranks, its own place.
  Context at(std::string_view name) const;
  // For messages: the path, or `type` for a block built without a model.
  std::string_view name_or(std::string_view type) const { return place.path.empty() ? type : place.path; }
};

}  // namespace ttt
