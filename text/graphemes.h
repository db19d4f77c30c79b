#pragma once

#include <cstddef>
#include <string_view>

namespace ttt {

// Where the extended grapheme cluster ends that starts at `begin` (Unicode Standard Annex 29). `s` must be valid UTF-8
// and `begin` the start of a cluster before its end.
std::size_t grapheme_end(std::string_view s, std::size_t begin);

}  // namespace ttt
