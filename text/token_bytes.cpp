#include "base/error.h"
#include "base/utf8.h"
#include "text/bpe.h"
#include "text/normalizer.h"
#include "text/tokenizer.h"
#include "text/tokenizer_parts.h"

namespace ttt {
namespace {

// As the step of the same name in decode_steps.cpp, without the check for UTF-8.
std::string level_bytes(std::string token) {
  std::string bytes;
  for (std::size_t i = 0; i < token.size(); i += utf8_step(token[i])) {
    const int byte = byte_of_level_char(utf8_decode(token.data() + i));
    if (byte < 0) return token;
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

std::string stripped(std::string token, const Decoder::Step& step) {
  for (std::size_t n = 0; n < step.start && token.starts_with(step.pattern); ++n) token.erase(0, step.pattern.size());
  for (std::size_t n = 0; n < step.stop && token.ends_with(step.pattern); ++n) {
    token.resize(token.size() - step.pattern.size());
  }
  return token;
}

}  // namespace

std::string Tokenizer::token_bytes(std::int32_t id) const {
  std::string token = parts_->decoded(id);
  for (const Decoder::Step& step : parts_->decoder.steps()) {
    switch (step.kind) {
      case Decoder::Kind::kByteLevel:
        token = level_bytes(std::move(token));
        break;
      case Decoder::Kind::kByteFallback:
      case Decoder::Kind::kRawByteFallback:
        if (const auto byte = byte_of_fallback_token(token)) return std::string(1, static_cast<char>(*byte));
        break;
      case Decoder::Kind::kReplace:
        token = replace_all(token, step.pattern, step.content);
        break;
      case Decoder::Kind::kReplaceMatches:
        token = replace_all(token, *step.matches, step.content);
        break;
      case Decoder::Kind::kMetaspace:
        token = replace_all(token, step.pattern, " ");
        break;
      case Decoder::Kind::kStrip:
        // Of a text as a whole only its ends are stripped.
        if (!step.fused) token = stripped(std::move(token), step);
        break;
      case Decoder::Kind::kJoin:
        if (step.content.empty()) break;
        [[fallthrough]];
      case Decoder::Kind::kWordPiece:
      case Decoder::Kind::kSuffix:
      case Decoder::Kind::kCtc:
      case Decoder::Kind::kHold:
        fail(ErrorKind::kUnsupported,
             "the bytes of a token wanted a decoder that treats tokens one by one, got one whose text of a token "
             "depends "
             "on its neighbours");
    }
  }
  return token;
}

}  // namespace ttt
