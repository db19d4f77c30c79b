#pragma once

#include <cstdint>
#include <string_view>

namespace ttt {

// The content of a row of a model's output.
enum class OutputKind : std::uint8_t {
  kLogits,        // one number for every known id
  kHiddenStates,  // the row's state after the last layer
  kClasses,       // one number for every class; of the row's sequence if the head reads whole sequences
  kTokenClasses,  // one number for every class, of the row itself
};

inline std::string_view name_of(OutputKind kind) {
  constexpr std::string_view kNames[] = {"logits", "hidden states", "classes", "token classes"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace ttt
