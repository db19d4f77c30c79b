#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/pattern.h"

namespace ttt {

// One step from token texts to text. Tokens arrive one by one, so that whole sequences and streams are decoded in the
// same way. `emit` appends to the texts of the next step.
class DecodeStep {
 public:
  using Emit = std::vector<std::string>;
  virtual ~DecodeStep() = default;
  virtual void push(std::string token, Emit& out) = 0;
  virtual void finish(Emit&) {}
  // The text of all tokens so far is known already: drops all that is complete. Keeps an unfinished character and the
  // position in the text.
  virtual void settle(Emit&) {}
};

// How token texts become text: the "decoder" of a tokenizer.json.
class Decoder {
 public:
  enum class Kind {
    kByteLevel,
    kByteFallback,
    kRawByteFallback,
    kReplace,
    kReplaceMatches,
    kStrip,
    kMetaspace,
    kJoin,
    kWordPiece,
    kSuffix,  // "BPEDecoder"
    kCtc,
    kHold  // until all tokens are there, then one text of them
  };
  struct Step {
    Kind kind = Kind::kJoin;
    // kReplace; kMetaspace: the replacement of ' '; kStrip: the character; kWordPiece: the prefix of tokens that
    // continue a word; kSuffix: of tokens that end a word; kCtc: the padding token
    std::string pattern = {};
    std::string content = {};  // kReplace(Matches); kJoin: the text between tokens; kCtc: the token of a space
    std::shared_ptr<const Pattern> matches = {};  // kReplaceMatches
    bool cleanup = false;                         // kWordPiece, kCtc: no space before punctuation and contractions
    std::size_t start = 0;  // kStrip: most characters removed at the start; kMetaspace: 1: drop the first
    std::size_t stop = 0;   // kStrip: the same at the end
    bool fused = false;     // all tokens have been joined to one text
  };

  Decoder() = default;
  // null: tokens are joined with a space. Throws Error{kUnsupported} naming an unknown type or combination.
  static Decoder from_json(const Json& json, std::string_view where);

  void add(const Step& step) { steps_.push_back(step); }
  const std::vector<Step>& steps() const { return steps_; }

 private:
  void read(const Json& json, std::string_view where);
  void read_replace(const Json& json, std::string_view where);
  // After it each step receives whole tokens, or all of them as one text.
  void settle_fused();

  std::vector<Step> steps_;
  bool fused_ = false;
};

// Runs the steps of a Decoder over a stream of tokens. Every text returned is valid UTF-8; their concatenation is the
// decoded sequence.
class DecodeStream {
 public:
  explicit DecodeStream(const Decoder& decoder);
  std::string push(std::string token);
  std::string finish();
  void settle();

 private:
  std::string run(std::size_t from, std::vector<std::string> tokens);

  std::vector<std::unique_ptr<DecodeStep>> steps_;
};

}  // namespace ttt
