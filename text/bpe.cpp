#include "text/bpe.h"

#include "base/error.h"
#include "base/utf8.h"

namespace ttt {
namespace {

std::array<std::int32_t, 256> ids_of_fallback_tokens(const Vocabulary& vocabulary) {
  std::array<std::int32_t, 256> ids{};
  for (std::size_t b = 0; b < 256; ++b) {
    ids[b] = vocabulary.find(fallback_token_of(static_cast<unsigned char>(b))).value_or(-1);
  }
  return ids;
}

void append_ids(const MergeLoop& loop, std::vector<std::int32_t>& ids) {
  if (loop.symbols.empty()) return;
  for (std::int32_t i = 0; i >= 0; i = loop.symbols[static_cast<std::size_t>(i)].next) {
    const std::int32_t id = loop.symbols[static_cast<std::size_t>(i)].id;
    if (id >= 0) ids.push_back(id);
  }
}

}  // namespace

void MarkedWords::look_at(std::string_view token) {
  for (std::size_t at = token.find(kMark, 1); at != std::string_view::npos; at = token.find(kMark, at + kMark.size())) {
    if (!token.substr(0, at).ends_with(kMark)) joined_[static_cast<unsigned char>(token[at - 1])] = true;
  }
}

std::size_t MarkedWords::next_start(std::string_view word, std::size_t begin) const {
  std::size_t at = begin;
  while (word.substr(at, kMark.size()) == kMark) at += kMark.size();
  for (at = word.find(kMark, at); at != std::string_view::npos; at = word.find(kMark, at + kMark.size())) {
    const bool in_run = word.substr(0, at).ends_with(kMark);
    if (!in_run && !joined_[static_cast<unsigned char>(word[at - 1])]) return at;
  }
  return word.size();
}

void MergeTable::reserve(std::size_t merges) {
  std::size_t capacity = 2;
  while (capacity < 2 * merges + 2) capacity *= 2;
  entries_.assign(capacity, Entry{});
  mask_ = capacity - 1;
}

void MergeTable::set(std::int32_t left, std::int32_t right, Merge merge) {
  const std::uint64_t key = key_of(left, right);
  std::size_t i = slot(key);
  while (entries_[i].key != key && entries_[i].key != kEmpty) i = (i + 1) & mask_;
  entries_[i] = Entry{key, merge};
}

BpeModel::BpeModel(const Vocabulary& vocabulary, const std::vector<Pair>& merges, const Options& options,
                   std::string_view where)
    : vocabulary_(vocabulary),
      options_(options),
      marked_words_(vocabulary),
      fallback_ids_(ids_of_fallback_tokens(vocabulary)) {
  for (std::size_t b = 0; b < 256; ++b) byte_ids_[b] = vocabulary.find(byte_level_alphabet()[b]).value_or(-1);
  add_merges(merges, where);
  index_characters();
}

void BpeModel::add_merges(const std::vector<Pair>& merges, std::string_view where) {
  require(merges.size() < Merge::kNone, ErrorKind::kBadData, where, ": too many merges");
  merges_.reserve(merges.size());
  std::string whole;
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [a, b] = merges[rank];
    const auto id_of = [&](const std::string& part) {
      const auto id = vocabulary_.find(part);
      require(id.has_value() && !part.empty(), ErrorKind::kBadData, where, ": merge ", rank, " names \"",
              part.substr(0, 100), "\", which is not in the vocabulary");
      return *id;
    };
    const std::int32_t left = id_of(a);
    const std::int32_t right = id_of(b);
    const std::size_t lost = options_.prefix.size();
    require(b.size() > lost || lost == 0, ErrorKind::kBadData, where, ": merge ", rank, " names \"", b.substr(0, 100),
            "\", which wanted more than the prefix \"", options_.prefix.substr(0, 100), "\"");
    whole.assign(a).append(b, lost);
    marked_words_.look_at(whole);
    merges_.set(left, right, Merge{static_cast<std::uint32_t>(rank), id_of(whole)});
  }
}

void BpeModel::index_characters() {
  character_ids_.assign(0x10000, -1);
  for (const Vocabulary::Token& token : vocabulary_.tokens()) {
    if (token.text.empty() || utf8_step(token.text.front()) != token.text.size()) continue;
    const char32_t c = utf8_decode(token.text.data());
    if (c < character_ids_.size()) {
      character_ids_[c] = token.id;
    } else {
      rare_ids_[c] = token.id;
    }
  }
}

std::int32_t BpeModel::id_of_character(std::string_view s, char32_t c) const {
  if (options_.byte_level) return byte_ids_[static_cast<unsigned char>(s.front())];
  if (c < character_ids_.size()) return character_ids_[c];
  const auto found = rare_ids_.find(c);
  return found == rare_ids_.end() ? -1 : found->second;
}

// One character as the vocabulary spells it.
std::string_view BpeModel::spelling(std::string_view s) const {
  return options_.byte_level ? byte_level_alphabet()[static_cast<unsigned char>(s.front())] : s;
}

// `pending`: an unknown token stands at the end that the next unknown character may join. The reference writes it
// only when a known character follows, so fallback bytes in between come first.
void BpeModel::add_unknown(std::string_view spelled, std::vector<Symbol>& symbols, bool& pending) const {
  if (options_.byte_fallback) {
    bool complete = true;
    for (const char c : spelled) complete = complete && fallback_ids_[static_cast<unsigned char>(c)] >= 0;
    if (complete) {
      for (const char c : spelled) symbols.push_back(Symbol{.id = fallback_ids_[static_cast<unsigned char>(c)]});
      return;
    }
  }
  // Of no token, and so of no merge.
  if (options_.unknown_parts) symbols.push_back(Symbol{.id = -1});
  if (!options_.unknown.has_value()) return;
  if (pending && !options_.fuse_unknown) symbols.push_back(Symbol{.id = *options_.unknown});
  pending = true;
}

void BpeModel::add_symbol(std::int32_t id, std::vector<Symbol>& symbols, bool& pending) const {
  if (pending) symbols.push_back(Symbol{.id = *options_.unknown});
  pending = false;
  symbols.push_back(Symbol{.id = id});
}

void BpeModel::start(std::string_view word, std::vector<Symbol>& symbols) const {
  symbols.clear();
  symbols.reserve(word.size());
  bool pending = false;
  for (std::size_t i = 0; i < word.size();) {
    const std::size_t length = options_.byte_level ? 1 : utf8_step(word[i]);
    const std::string_view s = word.substr(i, length);
    const std::int32_t id = id_of_character(s, options_.byte_level ? 0 : utf8_decode(s.data()));
    i += length;
    if (id < 0) {
      add_unknown(spelling(s), symbols, pending);
    } else {
      add_symbol(id, symbols, pending);
    }
  }
  if (pending) symbols.push_back(Symbol{.id = *options_.unknown});
}

// The same with a prefix or a suffix, which are of the word and not of a part of it.
void BpeModel::start_affixed(std::string_view word, std::vector<Symbol>& symbols) const {
  symbols.clear();
  bool pending = false;
  std::string spelled;
  for (std::size_t i = 0; i < word.size();) {
    const std::size_t length = options_.byte_level ? 1 : utf8_step(word[i]);
    spelled.assign(i > 0 ? options_.prefix : std::string()).append(spelling(word.substr(i, length)));
    i += length;
    if (i == word.size()) spelled += options_.suffix;
    if (const auto id = vocabulary_.find(spelled)) {
      add_symbol(*id, symbols, pending);
    } else {
      add_unknown(spelled, symbols, pending);
    }
  }
  if (pending) symbols.push_back(Symbol{.id = *options_.unknown});
}

bool BpeModel::encode_whole(std::string_view word, std::vector<std::int32_t>& ids) const {
  std::optional<std::int32_t> id;
  if (options_.byte_level) {
    std::string spelled;
    for (const char c : word) spelled += byte_level_alphabet()[static_cast<unsigned char>(c)];
    id = vocabulary_.find(spelled);
  } else {
    id = vocabulary_.find(word);
  }
  if (id.has_value()) ids.push_back(*id);
  return id.has_value();
}

void BpeModel::encode(std::string_view word, ModelScratch& scratch, std::vector<std::int32_t>& ids) const {
  if (options_.ignore_merges && encode_whole(word, ids)) return;
  if (options_.byte_level || affixed()) return encode_part(word, scratch.merges, ids);
  marked_words_.for_each(word, [&](std::string_view part) {
    // With ignore_merges the ids of a part are not those of a word.
    if (!options_.ignore_merges && scratch.words.find(part, ids)) return;
    const std::size_t before = ids.size();
    encode_part(part, scratch.merges, ids);
    if (!options_.ignore_merges) scratch.words.keep(part, ids.data() + before, ids.size() - before);
  });
}

void BpeModel::encode_part(std::string_view part, MergeLoop& loop, std::vector<std::int32_t>& ids) const {
  if (affixed()) {
    start_affixed(part, loop.symbols);
  } else {
    start(part, loop.symbols);
  }
  loop.run([&](std::int32_t left, std::int32_t right) {
    return merges_.find(loop.symbols[static_cast<std::size_t>(left)].id,
                        loop.symbols[static_cast<std::size_t>(right)].id);
  });
  append_ids(loop, ids);
}

ScoredBpeModel::ScoredBpeModel(const Vocabulary& vocabulary, const std::vector<float>& scores,
                               std::optional<std::int32_t> unknown)
    : vocabulary_(vocabulary),
      marked_words_(vocabulary),
      fallback_ids_(ids_of_fallback_tokens(vocabulary)),
      unknown_(unknown) {
  std::vector<float> levels(scores);
  std::sort(levels.begin(), levels.end(), std::greater<>());
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  ranks_.reserve(scores.size());
  for (const float score : scores) {
    const auto level = std::lower_bound(levels.begin(), levels.end(), score, std::greater<>());
    ranks_.push_back(static_cast<std::uint32_t>(level - levels.begin()));
  }
  for (const Vocabulary::Token& token : vocabulary.tokens()) {
    longest_ = std::max(longest_, token.text.size());
    marked_words_.look_at(token.text);
  }
}

void ScoredBpeModel::encode(std::string_view word, ModelScratch& scratch, std::vector<std::int32_t>& ids) const {
  marked_words_.for_each(word, [&](std::string_view part) {
    if (scratch.words.find(part, ids)) return;
    const std::size_t before = ids.size();
    encode_part(part, scratch.merges, ids);
    scratch.words.keep(part, ids.data() + before, ids.size() - before);
  });
}

void ScoredBpeModel::encode_part(std::string_view word, MergeLoop& loop, std::vector<std::int32_t>& ids) const {
  auto& symbols = loop.symbols;
  symbols.clear();
  symbols.reserve(word.size());
  for (std::size_t i = 0; i < word.size(); i += utf8_step(word[i])) {
    symbols.push_back(Symbol{.begin = static_cast<std::uint32_t>(i)});
  }
  const auto text_from = [&](std::size_t begin, std::int32_t next) {
    const std::size_t end = next < 0 ? word.size() : symbols[static_cast<std::size_t>(next)].begin;
    return word.substr(begin, end - begin);
  };
  loop.run([&](std::int32_t left, std::int32_t right) {
    const std::int32_t after = symbols[static_cast<std::size_t>(right)].next;
    const std::string_view both = text_from(symbols[static_cast<std::size_t>(left)].begin, after);
    if (both.size() > longest_) return Merge{};
    const auto id = vocabulary_.find(both);
    return id.has_value() ? Merge{ranks_[static_cast<std::size_t>(*id)], *id} : Merge{};
  });
  for (std::int32_t i = symbols.empty() ? -1 : 0; i >= 0;) {
    const Symbol& symbol = symbols[static_cast<std::size_t>(i)];
    const std::string_view piece = text_from(symbol.begin, symbol.next);
    i = symbol.next;
    if (const auto id = vocabulary_.find(piece)) {
      ids.push_back(*id);
      continue;
    }
    for (const char c : piece) {
      const std::int32_t id = fallback_ids_[static_cast<unsigned char>(c)];
      if (id >= 0 || unknown_.has_value()) ids.push_back(id >= 0 ? id : *unknown_);
    }
  }
}

}  // namespace ttt
