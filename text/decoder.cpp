#include "text/decoder.h"

#include <utility>

#include "base/utf8.h"
#include "text/decode_steps.h"
#include "text/json_fields.h"

namespace ttt {
namespace {

std::size_t count_field(const Json& json, std::string_view key, std::string_view where) {
  const std::int64_t n = integer_field(json, key, where);
  require(n >= 0, ErrorKind::kBadData, where, " ", key, " wanted no negative number, got ", n);
  return static_cast<std::size_t>(n);
}

std::string some_text_field(const Json& json, std::string_view key, std::string_view fallback, std::string_view where) {
  std::string s = string_field(json, key, fallback, where);
  require(!s.empty(), ErrorKind::kUnsupported, where, ": an empty ", key, " of a decoder is not supported");
  return s;
}

}  // namespace

Decoder Decoder::from_json(const Json& json, std::string_view where) {
  Decoder result;
  if (json.is_null()) {
    result.add(Step{.kind = Kind::kJoin, .content = " "});
  } else {
    result.read(json, where);
  }
  return result;
}

void Decoder::read(const Json& json, std::string_view where) {
  const std::string type = string_field(json, "type", where);
  require(steps_.size() < 32, ErrorKind::kUnsupported, where, ": more than 32 decoder steps");
  if (type == "Sequence") {
    for (const Json& item : json.at("decoders", where).as_array(text(where, " decoders"))) read(item, where);
  } else if (type == "Fuse") {
    fused_ = true;
  } else if (type == "Strip") {
    add(Step{.kind = Kind::kStrip,
             .pattern = character_field(json, "content", where),
             .start = count_field(json, "start", where),
             .stop = count_field(json, "stop", where),
             .fused = fused_});
  } else if (type == "Replace") {
    read_replace(json, where);
  } else if (type == "ByteLevel") {
    settle_fused();
    add(Step{.kind = Kind::kByteLevel});
    fused_ = true;
  } else if (type == "ByteFallback") {
    settle_fused();
    add(Step{.kind = Kind::kByteFallback});
  } else if (type == "Metaspace") {
    settle_fused();
    const std::string scheme = string_field(json, "prepend_scheme", "always", where);
    const bool prefix = bool_field(json, "add_prefix_space", true, where) && scheme != "never";
    add(Step{.kind = Kind::kMetaspace,
             .pattern = character_field(json, "replacement", where),
             .start = prefix ? std::size_t{1} : std::size_t{0}});
  } else if (type == "WordPiece") {
    settle_fused();
    add(Step{.kind = Kind::kWordPiece,
             .pattern = string_field(json, "prefix", "##", where),
             .cleanup = bool_field(json, "cleanup", true, where)});
  } else if (type == "BPEDecoder") {
    settle_fused();
    add(Step{.kind = Kind::kSuffix, .pattern = some_text_field(json, "suffix", "</w>", where)});
  } else if (type == "CTC") {
    settle_fused();
    add(Step{.kind = Kind::kCtc,
             .pattern = some_text_field(json, "pad_token", "<pad>", where),
             .content = some_text_field(json, "word_delimiter_token", "|", where),
             .cleanup = bool_field(json, "cleanup", true, where)});
  } else {
    fail(ErrorKind::kUnsupported, text(where, ": decoder of type \"", type, "\" is not supported"));
  }
}

void Decoder::settle_fused() {
  if (fused_) add(Step{.kind = Kind::kHold});
  fused_ = false;
}

void Decoder::read_replace(const Json& json, std::string_view where) {
  std::string content = string_field(json, "content", where);
  if (json.at("pattern", where).find("String") == nullptr) {
    settle_fused();
    add(Step{.kind = Kind::kReplaceMatches,
             .content = std::move(content),
             .matches = std::make_shared<const Pattern>(pattern_field(json, where))});
    return;
  }
  std::string pattern = literal_field(json, where);
  // In fused text a longer pattern could lie across two tokens.
  if (utf8_step(pattern.front()) != pattern.size()) settle_fused();
  add(Step{.kind = Kind::kReplace, .pattern = std::move(pattern), .content = std::move(content)});
}

DecodeStream::DecodeStream(const Decoder& decoder) {
  for (const Decoder::Step& step : decoder.steps()) steps_.push_back(make_decode_step(step));
}

std::string DecodeStream::run(std::size_t from, std::vector<std::string> tokens) {
  std::vector<std::string> next;
  for (std::size_t i = from; i < steps_.size(); ++i) {
    next.clear();
    for (std::string& token : tokens) steps_[i]->push(std::move(token), next);
    tokens.swap(next);
  }
  std::string out;
  for (const std::string& token : tokens) out += token;
  return out;
}

std::string DecodeStream::push(std::string token) {
  std::vector<std::string> tokens;
  tokens.push_back(std::move(token));
  return run(0, std::move(tokens));
}

void DecodeStream::settle() {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    std::vector<std::string> held;
    steps_[i]->settle(held);
    run(i + 1, std::move(held));
  }
}

std::string DecodeStream::finish() {
  std::string out;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    std::vector<std::string> last;
    steps_[i]->finish(last);
    out += run(i + 1, std::move(last));
  }
  return out;
}

}  // namespace ttt
