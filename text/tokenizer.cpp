#include "text/tokenizer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/utf8.h"
#include "text/tokenizer_parts.h"
#include "text/utf8_filter.h"

namespace ttt {

bool flag(const std::vector<bool>& flags, std::int64_t id) {
  return id >= 0 && id < static_cast<std::int64_t>(flags.size()) && flags[static_cast<std::size_t>(id)];
}

const std::string* TokenizerParts::text_of(std::int64_t id) const {
  const std::string* token = added.text_of(id);
  return token != nullptr ? token : vocabulary.text_of(id);
}

std::optional<std::int32_t> TokenizerParts::id_of(std::string_view token) const {
  const auto id = added.find(token);
  return id.has_value() ? id : vocabulary.find(token);
}

std::int64_t TokenizerParts::size() const { return std::max(vocabulary.size(), added.size()); }

std::string TokenizerParts::decoded(std::int32_t id) const {
  if (const auto found = decoded_as.find(id); found != decoded_as.end()) return found->second;
  const std::string* token = text_of(id);
  require(token != nullptr, ErrorKind::kUsage, "decode: id ", id, " is no token; the vocabulary has ids up to ",
          size() - 1);
  return space_mark.empty() || flag(verbatim, id) ? *token : replace_all(*token, space_mark, " ");
}

void TokenizerParts::size_flags() {
  const auto n = static_cast<std::size_t>(size());
  special.resize(n);
  skipped.resize(n);
  verbatim.resize(n);
}

void TokenizerParts::find_in_text(AddedToken token, std::string_view where) {
  // A megabyte of token text is a mistake or an attack, not a control token.
  constexpr std::size_t kLongest = 1 << 16;
  const std::size_t length = token.content.size();
  require(length > 0, ErrorKind::kBadData, where, ": added token ", token.id, " is empty");
  require(length <= kLongest, ErrorKind::kBadData, where, ": added token ", token.id, " wanted at most ", kLongest,
          " bytes, got ", length);
  special[static_cast<std::size_t>(token.id)] = token.special;
  if (!token.normalized || normalizer.empty()) {
    AddedTokens& tokens = token.normalized ? normalized_tokens : raw_tokens;
    const std::string content = token.content;
    tokens.add(std::move(token), content);
    return;
  }
  const std::string pattern = normalizer.run(token.content);
  require(!pattern.empty(), ErrorKind::kUnsupported, where, ": added token ", token.id, " is empty when normalised");
  if (pattern != token.content) decoded_as[token.id] = pattern;
  normalized_tokens.add(std::move(token), pattern);
}

void TokenizerParts::check(std::string_view where) const {
  for (const auto* pieces : {&post_processor.single(), &post_processor.pair()}) {
    for (const PostProcessor::Piece& piece : *pieces) {
      for (const std::int64_t id : piece.ids) {
        require(text_of(id) != nullptr, ErrorKind::kBadData, where, ": the template adds id ", id,
                ", which is no token");
      }
    }
  }
}

void TokenizerParts::encode(std::string_view text, bool parse_special, std::vector<std::int32_t>& ids) const {
  constexpr std::size_t kTooLong = std::size_t{1} << 29;
  require(text.size() < kTooLong, ErrorKind::kUsage, "encode: wanted less than ", kTooLong, " bytes of text, got ",
          text.size());
  const bool valid = is_valid_utf8(text);
  const std::string replaced = valid ? std::string() : valid_utf8(text);
  const std::string_view input = valid ? text : std::string_view(replaced);

  ScratchPool::Loan loan(scratch);
  ModelScratch& memory = *loan;
  const PreTokenizer::Sink sink = [&](std::string_view word) {
    if (memory.words.find(word, ids)) return;
    const std::size_t before = ids.size();
    model->encode(word, memory, ids);
    memory.words.keep(word, ids.data() + before, ids.size() - before);
  };
  for (const auto& part : raw_tokens.cut(input, parse_special)) {
    if (part.id >= 0) {
      ids.push_back(part.id);
      continue;
    }
    const std::string_view raw = input.substr(part.begin, part.end - part.begin);
    bool starts = part.begin == 0;
    const std::string changed = normalizer.empty() ? std::string() : normalizer.run(raw, &starts);
    const std::string_view piece = normalizer.empty() ? raw : std::string_view(changed);
    for (const auto& inner : normalized_tokens.cut(piece, parse_special)) {
      if (inner.id >= 0) {
        ids.push_back(inner.id);
      } else {
        const bool first = starts && inner.begin == 0;
        pre_tokenizer.run(piece.substr(inner.begin, inner.end - inner.begin), first, sink);
      }
    }
  }
}

namespace {

// Fills a template with the ids of texts; `type`, where wanted, gets the type of each.
std::vector<std::int32_t> fill(const TokenizerParts& parts, const PostProcessor::Template& pieces,
                               std::span<const std::string_view> texts, const EncodeOptions& options,
                               std::vector<std::int32_t>* types) {
  std::vector<std::int32_t> ids;
  for (const PostProcessor::Piece& piece : pieces) {
    if (piece.sequence >= 0) {
      parts.encode(texts[static_cast<std::size_t>(piece.sequence)], options.parse_special, ids);
    } else if (options.add_special) {
      for (const std::int64_t id : piece.ids) ids.push_back(static_cast<std::int32_t>(id));
    }
    if (types != nullptr) types->resize(ids.size(), piece.type);
  }
  return ids;
}

}  // namespace

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  return fill(*parts_, parts_->post_processor.single(), {&text, 1}, options, nullptr);
}

Encoding Tokenizer::encode_with_types(std::string_view text, const EncodeOptions& options) const {
  Encoding encoding;
  encoding.ids = fill(*parts_, parts_->post_processor.single(), {&text, 1}, options, &encoding.types);
  return encoding;
}

Encoding Tokenizer::encode_pair(std::string_view first, std::string_view second, const EncodeOptions& options) const {
  const std::array<std::string_view, 2> texts = {first, second};
  Encoding encoding;
  encoding.ids = fill(*parts_, parts_->post_processor.pair(), texts, options, &encoding.types);
  return encoding;
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids, const DecodeOptions& options) const {
  StreamDecoder decoder(*this, options);
  std::string out;
  for (const std::int32_t id : ids) out += decoder.push(id);
  return out + decoder.finish();
}

std::int64_t Tokenizer::vocab_size() const { return parts_->size(); }

bool Tokenizer::is_token(std::int64_t id) const { return parts_->text_of(id) != nullptr; }

const std::string& Tokenizer::token_text(std::int64_t id) const {
  const std::string* token = parts_->text_of(id);
  require(token != nullptr, ErrorKind::kUsage, "id ", id, " is no token; the vocabulary has ids up to ",
          parts_->size() - 1);
  return *token;
}

std::optional<std::int32_t> Tokenizer::id_of(std::string_view token) const { return parts_->id_of(token); }
bool Tokenizer::is_special(std::int64_t id) const { return flag(parts_->special, id); }
std::optional<std::int32_t> Tokenizer::bos_id() const { return parts_->bos; }
std::optional<std::int32_t> Tokenizer::eos_id() const { return parts_->eos; }
std::optional<std::int32_t> Tokenizer::eot_id() const { return parts_->eot; }
std::optional<std::int32_t> Tokenizer::unk_id() const { return parts_->unk; }
std::optional<std::int32_t> Tokenizer::pad_id() const { return parts_->pad; }

const std::vector<std::int32_t>& Tokenizer::end_ids() const { return parts_->ends; }
const std::vector<std::string>& Tokenizer::warnings() const { return parts_->warnings; }
const std::vector<std::string>& Tokenizer::notes() const { return parts_->notes; }

bool Tokenizer::adds_bos() const {
  const auto& before = parts_->post_processor.before();
  return parts_->bos.has_value() && !before.empty() && before.front() == *parts_->bos;
}

bool Tokenizer::adds_eos() const {
  const auto& after = parts_->post_processor.after();
  return parts_->eos.has_value() && !after.empty() && after.back() == *parts_->eos;
}

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, const DecodeOptions& options)
    : parts_(tokenizer.parts_), options_(options), stream_(parts_->decoder) {}

void StreamDecoder::continue_after(std::span<const std::int32_t> ids) {
  for (const std::int32_t id : ids) push(id);
  stream_.settle();
}

std::string StreamDecoder::push(std::int32_t id) {
  std::string token = parts_->decoded(id);
  if (options_.skip_special && flag(parts_->skipped, id)) return std::string();
  return stream_.push(std::move(token));
}

std::string StreamDecoder::finish() { return stream_.finish(); }

}  // namespace ttt
