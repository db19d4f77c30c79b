#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "text/bert_text.h"
#include "text/charsmap.h"
#include "text/pattern.h"
#include "text/unicode.h"

namespace ttt {

// Changes text before it is split into words.
class Normalizer {
 public:
  struct Prepend {
    std::string prefix;  // empty text stays empty
  };
  struct Replace {
    std::string pattern;  // not empty
    std::string content;
  };
  struct ReplaceMatches {
    Pattern pattern;
    std::string content;
  };
  struct Strip {
    bool left = true;
    bool right = true;
  };
  struct Lowercase {};
  struct StripAccents {};
  struct Nmt {};        // removes control characters; other white space becomes ' ', by sentencepiece's nmt rules
  struct ByteLevel {};  // each byte becomes the character that represents it (text/bpe.h)
  using Precompiled = std::shared_ptr<const Charsmap>;
  using Step = std::variant<NormalForm, Prepend, Replace, ReplaceMatches, Strip, Lowercase, StripAccents, Nmt,
                            ByteLevel, BertText, Precompiled>;

  Normalizer() = default;
  // Reads the "normalizer" of a tokenizer.json; null: none. Throws Error{kUnsupported} naming an unknown type or
  // regular expression, Error{kBadData} on members of a wrong type.
  static Normalizer from_json(const Json& json, std::string_view where);

  void add(const Step& step) { steps_.push_back(step); }
  bool empty() const { return steps_.empty(); }
  // `s` must be valid UTF-8; so is the result. `starts`, where given, becomes false where the result starts with
  // something that did not come from the start of `s`.
  std::string run(std::string_view s, bool* starts = nullptr) const;

 private:
  void read(const Json& json, std::string_view where);
  void add_replace(const Json& json, std::string_view where);

  std::vector<Step> steps_;
};

// `s` with every occurrence of `pattern`, from left to right, replaced.
std::string replace_all(std::string_view s, std::string_view pattern, std::string_view content);
// The same with every match, also an empty one.
std::string replace_all(std::string_view s, const Pattern& pattern, std::string_view content);
// Each byte as the character that represents it in byte-level vocabularies.
std::string spell_bytes(std::string_view s);

}  // namespace ttt
