#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "text/pattern.h"

namespace ttt {

// The treatment of the separators that a Split finds (names as in tokenizer.json).
enum class SplitBehavior { kIsolated, kRemoved, kMergedWithPrevious, kMergedWithNext, kContiguous };

// Splits text into the words that the model receives.
class PreTokenizer {
 public:
  struct Split {
    Pattern pattern;
    SplitBehavior behavior = SplitBehavior::kIsolated;
    bool invert = false;  // the text between matches is the separator
  };
  // ' ' becomes `replacement`, one of which is prepended to text that does not start with it.
  struct Metaspace {
    enum class Prepend { kAlways, kFirst, kNever };
    std::string replacement;
    Prepend prepend = Prepend::kAlways;  // kFirst: only where the whole input starts
    bool split = true;
  };
  struct PrefixSpace {};  // prepends ' ' to text that does not start with it
  struct SpellBytes {};   // each byte becomes the character that represents it (text/bpe.h)
  struct Scripts {};      // splits where the script changes
  struct FixedLength {
    std::size_t length = 5;  // characters
  };
  using Step = std::variant<Split, Metaspace, PrefixSpace, SpellBytes, Scripts, FixedLength>;
  using Sink = std::function<void(std::string_view word)>;

  PreTokenizer() = default;
  // Reads the "pre_tokenizer" of a tokenizer.json; null: text stays whole. Throws Error{kUnsupported} naming a type,
  // regular expression or combination that is not known, Error{kBadData} on members of a wrong type.
  static PreTokenizer from_json(const Json& json, std::string_view where);

  void add(const Step& step) { steps_.push_back(step); }
  // The model works on bytes (a ByteLevel step was last) rather than characters.
  bool byte_level() const { return byte_level_; }
  void set_byte_level() { byte_level_ = true; }
  // For a model that works on characters: the bytes are spelled here.
  void spell_bytes();

  // Calls `sink` with each word of `s`, valid UTF-8. `first`: this is where the whole input starts.
  void run(std::string_view s, bool first, const Sink& sink) const { run_from(0, s, first, sink); }

 private:
  void read(const Json& json, std::string_view where);
  void run_from(std::size_t step, std::string_view s, bool first, const Sink& sink) const;

  std::vector<Step> steps_;
  bool byte_level_ = false;
};

}  // namespace ttt
