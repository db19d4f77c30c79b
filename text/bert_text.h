#pragma once

#include <string>
#include <string_view>

namespace ttt {

// How BERT normalises text before it is split into words.
struct BertText {
  bool clean = true;          // removes control characters; white space becomes ' '
  bool space_chinese = true;  // a space on both sides of each CJK ideograph
  bool strip_accents = true;  // characters are decomposed (NFD) and their non-spacing marks are removed
  bool lowercase = true;

  // `s` must be valid UTF-8; so is the result.
  std::string run(std::string_view s) const;
  // Whether the first character of `s` is removed.
  bool drops_first(std::string_view s) const;

 private:
  // Returns whether all of the result is ASCII.
  bool clean_and_space(std::string_view s, std::string& out) const;
};

}  // namespace ttt
