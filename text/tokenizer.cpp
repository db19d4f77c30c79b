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

namespace {

void check_plain(std::span<const TextRange> plain, std::string_view text, bool valid) {
  if (plain.empty()) return;
  require(valid, ErrorKind::kUsage, "encode: text with plain parts wanted valid UTF-8");
  const auto boundary = [&](std::size_t i) {
    return i == text.size() || (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
  };
  std::size_t done = 0;
  for (const TextRange& r : plain) {
    require(done <= r.begin && r.begin <= r.end && r.end <= text.size() && boundary(r.begin) && boundary(r.end),
            ErrorKind::kUsage, "encode: plain parts wanted to be in order and of whole characters");
    done = r.end;
  }
}

// The parts of `plain` that lie within `whole`, from its beginning.
std::vector<TextRange> within(std::span<const TextRange> plain, TextRange whole) {
  std::vector<TextRange> inside;
  auto at = std::lower_bound(plain.begin(), plain.end(), whole.begin,
                             [](const TextRange& r, std::size_t begin) { return r.end <= begin; });
  for (; at != plain.end() && at->begin < whole.end; ++at) {
    inside.push_back({std::max(at->begin, whole.begin) - whole.begin, std::min(at->end, whole.end) - whole.begin});
  }
  return inside;
}

// Where the parts are once the text is normalised. A place is where what comes before it ends when it is normalised by
// itself; where that is no beginning of the whole, or to find out would take too long, everything is plain.
std::vector<TextRange> normalized_parts(const Normalizer& normalizer, std::string_view raw, std::string_view changed,
                                        std::vector<TextRange> parts) {
  constexpr std::size_t kMostWork = std::size_t{1} << 26;
  if (parts.size() > kMostWork / (raw.size() + 1)) return {{0, changed.size()}};
  const auto place = [&](std::size_t at) -> std::optional<std::size_t> {
    if (at == 0 || at == raw.size()) return at == 0 ? 0 : changed.size();
    const std::string before = normalizer.run(raw.substr(0, at));
    if (!changed.starts_with(before)) return std::nullopt;
    return before.size();
  };
  for (TextRange& part : parts) {
    const auto begin = place(part.begin), end = place(part.end);
    if (!begin || !end) return {{0, changed.size()}};
    part = {*begin, *end};
  }
  return parts;
}

}  // namespace

void TokenizerParts::encode(std::string_view text, const EncodeOptions& options, std::vector<std::int32_t>& ids) const {
  constexpr std::size_t kTooLong = std::size_t{1} << 29;
  require(text.size() < kTooLong, ErrorKind::kUsage, "encode: wanted less than ", kTooLong, " bytes of text, got ",
          text.size());
  const bool valid = is_valid_utf8(text);
  check_plain(options.plain, text, valid);
  const std::string replaced = valid ? std::string() : valid_utf8(text);
  const std::string_view input = valid ? text : std::string_view(replaced);
  const bool guarded = options.parse_special && !options.plain.empty();
  const bool guarded_inside = guarded && normalized_tokens.has_controls(options.controls);
  const auto cut = [&](const AddedTokens& tokens, std::string_view s, std::span<const TextRange> plain) {
    return guarded ? tokens.cut(s, {.plain = plain, .controls = options.controls})
                   : tokens.cut(s, options.parse_special);
  };

  ScratchPool::Loan loan(scratch);
  ModelScratch& memory = *loan;
  const PreTokenizer::Sink sink = [&](std::string_view word) {
    if (memory.words.find(word, ids)) return;
    const std::size_t before = ids.size();
    model->encode(word, memory, ids);
    memory.words.keep(word, ids.data() + before, ids.size() - before);
  };
  for (const auto& part : cut(raw_tokens, input, options.plain)) {
    if (part.id >= 0) {
      ids.push_back(part.id);
      continue;
    }
    const std::string_view raw = input.substr(part.begin, part.end - part.begin);
    bool starts = part.begin == 0;
    const std::string changed = normalizer.empty() ? std::string() : normalizer.run(raw, &starts);
    const std::string_view piece = normalizer.empty() ? raw : std::string_view(changed);
    std::vector<TextRange> plain;
    if (guarded_inside) {
      plain = within(options.plain, {part.begin, part.end});
      if (!normalizer.empty()) plain = normalized_parts(normalizer, raw, piece, std::move(plain));
    }
    for (const auto& inner : cut(normalized_tokens, piece, plain)) {
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

// Cuts the ids of one text or two down to `most` together.
void cut(std::span<std::vector<std::int32_t>> texts, std::size_t most, bool keeps_end) {
  const auto keep = [&](std::vector<std::int32_t>& ids, std::size_t count) {
    if (ids.size() <= count) return;
    const auto extra = static_cast<std::ptrdiff_t>(ids.size() - count);
    ids.erase(keeps_end ? ids.begin() : ids.end() - extra, keeps_end ? ids.begin() + extra : ids.end());
  };
  if (texts.size() == 1) return keep(texts[0], most);
  const bool first_is_shorter = texts[0].size() <= texts[1].size();
  std::vector<std::int32_t>&shorter = texts[first_is_shorter ? 0 : 1], &longer = texts[first_is_shorter ? 1 : 0];
  if (shorter.size() + longer.size() <= most) return;
  keep(shorter, most / 2);
  keep(longer, most - shorter.size());
}

// The ids of the texts, cut to what `limit` leaves beside `added` others.
std::vector<std::vector<std::int32_t>> encode_all(const TokenizerParts& parts, std::span<const std::string_view> texts,
                                                  const EncodeOptions& options, std::size_t added) {
  const std::int64_t most = options.limit.ids;
  require(most == 0 || most > static_cast<std::int64_t>(added), ErrorKind::kUsage,
          "encode: wanted a limit of at least ", added + 1, " ids, as ", added, " are added to a text, got ", most);
  std::vector<std::vector<std::int32_t>> all(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) parts.encode(texts[i], options, all[i]);
  if (most > 0) cut(all, static_cast<std::size_t>(most) - added, options.limit.keeps_end);
  return all;
}

// Fills a template with the ids of texts; `type`, where wanted, gets the type of each.
std::vector<std::int32_t> fill(const TokenizerParts& parts, const PostProcessor::Template& pieces,
                               std::span<const std::string_view> texts, const EncodeOptions& options,
                               std::vector<std::int32_t>* types) {
  std::size_t added = 0;
  for (const PostProcessor::Piece& piece : pieces) added += options.add_special ? piece.ids.size() : 0;
  const std::vector<std::vector<std::int32_t>> encoded = encode_all(parts, texts, options, added);
  std::vector<std::int32_t> ids;
  for (const PostProcessor::Piece& piece : pieces) {
    if (piece.sequence >= 0) {
      const std::vector<std::int32_t>& own = encoded[static_cast<std::size_t>(piece.sequence)];
      ids.insert(ids.end(), own.begin(), own.end());
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
  require(options.plain.empty(), ErrorKind::kUsage, "encode_pair: wanted no plain parts, which are of one text");
  const std::array<std::string_view, 2> texts = {first, second};
  Encoding encoding;
  encoding.ids = fill(*parts_, parts_->post_processor.pair(), texts, options, &encoding.types);
  return encoding;
}

std::vector<std::int32_t> Tokenizer::added_ids() const {
  std::vector<std::int32_t> ids;
  for (const AddedTokens* tokens : {&parts_->raw_tokens, &parts_->normalized_tokens}) {
    for (const AddedToken& token : tokens->tokens()) ids.push_back(token.id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
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
std::int64_t Tokenizer::ids_before() const { return std::ssize(parts_->post_processor.before()); }
std::int64_t Tokenizer::ids_after() const { return std::ssize(parts_->post_processor.after()); }
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
