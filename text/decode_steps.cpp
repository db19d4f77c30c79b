#include "text/decode_steps.h"

#include <optional>
#include <utility>

#include "base/utf8.h"
#include "text/bpe.h"
#include "text/normalizer.h"
#include "text/utf8_filter.h"

namespace ttt {
namespace {

// Byte-level characters to the bytes they stand for; a token with any other character is its own UTF-8.
class ByteLevelStep : public DecodeStep {
 public:
  void push(std::string token, Emit& out) override {
    std::string bytes;
    for (std::size_t i = 0; i < token.size(); i += utf8_step(token[i])) {
      const int byte = byte_of_level_char(utf8_decode(token.data() + i));
      if (byte < 0) {
        bytes = std::move(token);
        break;
      }
      bytes.push_back(static_cast<char>(byte));
    }
    emit(bytes, out);
  }
  void finish(Emit& out) override {
    std::string text;
    filter_.finish(text);
    out.push_back(std::move(text));
  }

 private:
  void emit(std::string_view bytes, Emit& out) {
    std::string text;
    filter_.push(bytes, text);
    out.push_back(std::move(text));
  }
  Utf8Filter filter_;
};

// <0xHH> tokens to bytes. A run of them that is not valid UTF-8 as a whole is one U+FFFD for each, so a run is held
// until it ends.
class ByteFallbackStep : public DecodeStep {
 public:
  void push(std::string token, Emit& out) override {
    if (const auto byte = byte_of_fallback_token(token)) {
      run_.push_back(static_cast<char>(*byte));
      return;
    }
    finish(out);
    out.push_back(std::move(token));
  }
  void finish(Emit& out) override {
    if (run_.empty()) return;
    if (!is_valid_utf8(run_)) run_ = replace_each();
    out.push_back(std::move(run_));
    run_.clear();
  }
  void settle(Emit& out) override {
    const std::size_t unfinished = run_.size() - unfinished_utf8(run_);
    std::string rest = run_.substr(unfinished);
    run_.resize(unfinished);
    finish(out);
    run_ = std::move(rest);
  }

 private:
  std::string replace_each() const {
    std::string out;
    for (std::size_t i = 0; i < run_.size(); ++i) append_utf8(out, 0xFFFD);
    return out;
  }
  std::string run_;
};

// <0xHH> tokens to bytes that join with whatever follows, invalid ones replaced one by one.
class RawByteFallbackStep : public DecodeStep {
 public:
  void push(std::string token, Emit& out) override {
    std::string text;
    if (const auto byte = byte_of_fallback_token(token)) {
      const char c = static_cast<char>(*byte);
      filter_.push(std::string_view(&c, 1), text);
    } else {
      filter_.push(token, text);
    }
    out.push_back(std::move(text));
  }
  void finish(Emit& out) override {
    std::string text;
    filter_.finish(text);
    out.push_back(std::move(text));
  }

 private:
  Utf8Filter filter_;
};

class ReplaceStep : public DecodeStep {
 public:
  explicit ReplaceStep(const Decoder::Step& step) : step_(step) {}
  void push(std::string token, Emit& out) override { out.push_back(replace_all(token, step_.pattern, step_.content)); }

 private:
  Decoder::Step step_;
};

// Drops up to `start` and `stop` times one character at the ends of each token, or of the whole text when fused.
class StripStep : public DecodeStep {
 public:
  explicit StripStep(const Decoder::Step& step) : step_(step), start_left_(step.start) {}

  void push(std::string token, Emit& out) override {
    if (!step_.fused) start_left_ = step_.start;
    const std::size_t width = step_.pattern.size();
    std::size_t begin = 0;
    while (start_left_ > 0 && begin < token.size()) {
      const bool same = token.compare(begin, width, step_.pattern) == 0;
      start_left_ = same ? start_left_ - 1 : 0;
      begin += same ? width : 0;
    }
    token.erase(0, begin);
    const std::size_t trailing = count_trailing(token);
    token.erase(token.size() - trailing * width);
    if (!step_.fused) {
      append(token, trailing - std::min(trailing, step_.stop));
    } else if (token.empty()) {
      held_ += trailing;
      return;
    } else {
      std::string before;
      append(before, held_);
      token = before + token;
      held_ = trailing;
    }
    out.push_back(std::move(token));
  }
  void finish(Emit& out) override {
    std::string rest;
    if (step_.fused) append(rest, held_ - std::min(held_, step_.stop));
    out.push_back(std::move(rest));
  }
  void settle(Emit& out) override {
    std::string all;
    append(all, std::exchange(held_, 0));
    out.push_back(std::move(all));
  }

 private:
  std::size_t count_trailing(const std::string& token) const {
    const std::size_t width = step_.pattern.size();
    std::size_t count = 0;
    if (step_.stop == 0) return 0;
    while ((count + 1) * width <= token.size() &&
           token.compare(token.size() - (count + 1) * width, width, step_.pattern) == 0) {
      ++count;
    }
    return count;
  }
  void append(std::string& out, std::size_t times) const {
    for (; times > 0; --times) out += step_.pattern;
  }

  Decoder::Step step_;
  std::size_t start_left_;
  std::size_t held_ = 0;  // trailing characters that may yet be dropped
};

// The replacement character back to ' ', but dropped from the first token.
class MetaspaceStep : public DecodeStep {
 public:
  explicit MetaspaceStep(const Decoder::Step& step) : step_(step) {}
  void push(std::string token, Emit& out) override {
    const bool drop = first_ && step_.start > 0;
    first_ = false;
    out.push_back(replace_all(token, step_.pattern, drop ? "" : " "));
  }

 private:
  Decoder::Step step_;
  bool first_ = true;
};

class ReplaceMatchesStep : public DecodeStep {
 public:
  explicit ReplaceMatchesStep(const Decoder::Step& step) : step_(step) {}
  void push(std::string token, Emit& out) override { out.push_back(replace_all(token, *step_.matches, step_.content)); }

 private:
  Decoder::Step step_;
};

// What English text has no space before, in a token with a space in front.
std::string cleaned(std::string token) {
  constexpr std::pair<std::string_view, std::string_view> kRules[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kRules) token = replace_all(token, from, to);
  return token;
}

// A space before each token but the first, except where a token goes on: that one loses its prefix.
class WordPieceStep : public DecodeStep {
 public:
  explicit WordPieceStep(const Decoder::Step& step) : step_(step) {}
  void push(std::string token, Emit& out) override {
    if (!first_) {
      const bool goes_on = token.starts_with(step_.pattern);
      token = goes_on ? token.substr(step_.pattern.size()) : " " + token;
    }
    first_ = false;
    out.push_back(step_.cleanup ? cleaned(std::move(token)) : std::move(token));
  }

 private:
  Decoder::Step step_;
  bool first_ = true;
};

// The suffix of tokens that end a word becomes a space, but of the last token nothing.
class SuffixStep : public DecodeStep {
 public:
  explicit SuffixStep(const Decoder::Step& step) : step_(step) {}
  void push(std::string token, Emit& out) override {
    if (holding_) out.push_back(replace_all(held_, step_.pattern, " "));
    held_ = std::move(token);
    holding_ = true;
  }
  void finish(Emit& out) override {
    if (holding_) out.push_back(replace_all(held_, step_.pattern, ""));
    holding_ = false;
  }
  void settle(Emit& out) override {
    if (!holding_) return;
    out.push_back(replace_all(held_, step_.pattern, ""));
    held_ = held_.ends_with(step_.pattern) ? step_.pattern : std::string();
  }

 private:
  Decoder::Step step_;
  std::string held_;
  bool holding_ = false;
};

// Of equal neighbours one stays; the padding token goes.
class CtcStep : public DecodeStep {
 public:
  explicit CtcStep(const Decoder::Step& step) : step_(step) {}
  void push(std::string token, Emit& out) override {
    if (last_ == token) return;
    last_ = token;
    token = replace_all(token, step_.pattern, "");
    if (step_.cleanup) token = replace_all(cleaned(std::move(token)), step_.content, " ");
    if (!token.empty()) out.push_back(std::move(token));
  }

 private:
  Decoder::Step step_;
  std::optional<std::string> last_;
};

class HoldStep : public DecodeStep {
 public:
  void push(std::string token, Emit&) override { held_ += token; }
  void finish(Emit& out) override { out.push_back(std::exchange(held_, {})); }
  void settle(Emit& out) override { finish(out); }

 private:
  std::string held_;
};

class JoinStep : public DecodeStep {
 public:
  explicit JoinStep(const Decoder::Step& step) : step_(step) {}
  void push(std::string token, Emit& out) override {
    out.push_back(first_ ? std::move(token) : step_.content + token);
    first_ = false;
  }

 private:
  Decoder::Step step_;
  bool first_ = true;
};

}  // namespace

std::unique_ptr<DecodeStep> make_decode_step(const Decoder::Step& step) {
  switch (step.kind) {
    case Decoder::Kind::kByteLevel:
      return std::make_unique<ByteLevelStep>();
    case Decoder::Kind::kByteFallback:
      return std::make_unique<ByteFallbackStep>();
    case Decoder::Kind::kRawByteFallback:
      return std::make_unique<RawByteFallbackStep>();
    case Decoder::Kind::kReplace:
      return std::make_unique<ReplaceStep>(step);
    case Decoder::Kind::kStrip:
      return std::make_unique<StripStep>(step);
    case Decoder::Kind::kMetaspace:
      return std::make_unique<MetaspaceStep>(step);
    case Decoder::Kind::kReplaceMatches:
      return std::make_unique<ReplaceMatchesStep>(step);
    case Decoder::Kind::kWordPiece:
      return std::make_unique<WordPieceStep>(step);
    case Decoder::Kind::kSuffix:
      return std::make_unique<SuffixStep>(step);
    case Decoder::Kind::kCtc:
      return std::make_unique<CtcStep>(step);
    case Decoder::Kind::kHold:
      return std::make_unique<HoldStep>();
    case Decoder::Kind::kJoin:
      break;
  }
  return std::make_unique<JoinStep>(step);
}

}  // namespace ttt
