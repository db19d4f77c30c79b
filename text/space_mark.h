#pragma once

#include <string_view>

namespace ttt {

// U+2581, which stands for a space in the vocabularies of SentencePiece.
inline constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

}  // namespace ttt
