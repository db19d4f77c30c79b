#pragma once

#include <cstdint>
#include <string_view>

namespace ttt {

// What a row of a model's result holds.
enum class OutputKind : std::uint8_t {
  kLogits,        // one number for every known id
  kHiddenStates,  // the row's state after the last layer
  kClasses,       // one number for every class; of the row's whole sequence where the head reads all of it
};

inline std::string_view name_of(OutputKind kind) {
  constexpr std::string_view kNames[] = {"logits", "hidden states", "classes"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace ttt
