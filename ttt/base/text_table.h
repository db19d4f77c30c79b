#pragma once

#include <cstddef>
#include <string_view>
#include <unordered_map>

#include "base/seeded_hash.h"

namespace ttt {

struct SeededTextHash {
  SeededHash hash;
  std::size_t operator()(std::string_view s) const { return hash(s); }
};

// A table by text that somebody else chose: with the standard hash, whose collisions can be computed in advance, its
// author could make every look-up a search. tools/lint_layers.py refuses tables by text with other hashes.
template <class Value, class Text = std::string_view>
using TextTable = std::unordered_map<Text, Value, SeededTextHash>;

}  // namespace ttt
