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

Joints::Joints(const Vocabulary& vocabulary, bool drops_unknown) {
  std::vector<bool> known(kClasses);
  known[kMarkClass] = vocabulary.find(kSpaceMark).has_value();
  for (std::size_t c = 0; c < 0x80; ++c) known[c] = vocabulary.find(std::string(1, static_cast<char>(c))).has_value();
  for (std::size_t before = 0; before < kClasses; ++before) {
    if (drops_unknown && !known[before]) continue;
    for (std::size_t after = 0; after < kClasses; ++after) cuts_[before * kClasses + after] = known[after];
  }
}

void Joints::look_at(std::string_view token) {
  std::size_t before = kClasses;
  for (std::size_t at = 0; at < token.size();) {
    const bool mark = is_mark(token, at);
    const std::size_t end = at + utf8_step(token[at]);
    const std::size_t after = mark ? kMarkClass : static_cast<unsigned char>(token[at]);
    if (before < kClasses) cuts_[before * kClasses + after] = false;
    before = mark ? kMarkClass : static_cast<unsigned char>(token[end - 1]);
    at = end;
  }
}

std::size_t Joints::next_start(std::string_view word, std::size_t begin) const {
  std::size_t before = kClasses;
  for (std::size_t at = begin; at < word.size();) {
    const auto first = static_cast<unsigned char>(word[at]);
    const bool mark = first == 0xE2 && is_mark(word, at);
    if (before < kClasses && cuts(before, mark ? kMarkClass : first)) return at;
    at += utf8_step(word[at]);
    before = mark ? kMarkClass : static_cast<unsigned char>(word[at - 1]);
  }
  return word.size();
}

CharacterIds::CharacterIds(const Vocabulary& vocabulary) : ids_(0x10000, -1) {
  for (const Vocabulary::Token& token : vocabulary.tokens()) {
    if (token.text.empty() || utf8_step(token.text.front()) != token.text.size()) continue;
    const char32_t c = utf8_decode(token.text.data());
    if (c < ids_.size()) {
      ids_[c] = token.id;
    } else {
      rare_[c] = token.id;
    }
  }
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
      joints_(vocabulary, !options.unknown.has_value() && !options.unknown_parts),
      characters_(vocabulary),
      fallback_ids_(ids_of_fallback_tokens(vocabulary)) {
  for (std::size_t b = 0; b < 256; ++b) byte_ids_[b] = vocabulary.find(byte_level_alphabet()[b]).value_or(-1);
  add_merges(merges, where);
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
    joints_.look_at(whole);
    merges_.set(left, right, Merge{static_cast<std::uint32_t>(rank), id_of(whole)});
  }
}

std::int32_t BpeModel::id_of_character(std::string_view s, char32_t c) const {
  if (options_.byte_level) return byte_ids_[static_cast<unsigned char>(s.front())];
  return characters_.find(c);
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
  joints_.for_each(word, [&](std::string_view part) {
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
      joints_(vocabulary, false),
      characters_(vocabulary),
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
    joints_.look_at(token.text);
  }
}

void ScoredBpeModel::encode(std::string_view word, ModelScratch& scratch, std::vector<std::int32_t>& ids) const {
  joints_.for_each(word, [&](std::string_view part) {
    if (scratch.words.find(part, ids)) return;
    const std::size_t before = ids.size();
    encode_part(part, scratch, ids);
    scratch.words.keep(part, ids.data() + before, ids.size() - before);
  });
}

void ScoredBpeModel::encode_part(std::string_view word, ModelScratch& scratch, std::vector<std::int32_t>& ids) const {
  MergeLoop& loop = scratch.merges;
  auto& symbols = loop.symbols;
  symbols.clear();
  symbols.reserve(word.size());
  for (std::size_t i = 0; i < word.size(); i += utf8_step(word[i])) {
    symbols.push_back(
        Symbol{.id = characters_.find(utf8_decode(word.data() + i)), .begin = static_cast<std::uint32_t>(i)});
  }
  const auto text_from = [&](std::size_t begin, std::int32_t next) {
    const std::size_t end = next < 0 ? word.size() : symbols[static_cast<std::size_t>(next)].begin;
    return word.substr(begin, end - begin);
  };
  const auto merge_of_text = [&](const Symbol& left, const Symbol& right) {
    const std::string_view both = text_from(left.begin, right.next);
    if (both.size() > longest_) return Merge{};
    const auto id = vocabulary_.find(both);
    return id.has_value() ? Merge{ranks_[static_cast<std::size_t>(*id)], *id} : Merge{};
  };
  loop.run([&](std::int32_t left, std::int32_t right) {
    const Symbol &l = symbols[static_cast<std::size_t>(left)], &r = symbols[static_cast<std::size_t>(right)];
    // Characters that are no tokens have no pair of ids.
    if (l.id < 0 || r.id < 0) return merge_of_text(l, r);
    return scratch.pairs.find(l.id, r.id, [&] { return merge_of_text(l, r); });
  });
  for (std::int32_t i = symbols.empty() ? -1 : 0; i >= 0;) {
    const Symbol& symbol = symbols[static_cast<std::size_t>(i)];
    i = symbol.next;
    if (symbol.id >= 0) {
      ids.push_back(symbol.id);
      continue;
    }
    for (const char c : text_from(symbol.begin, symbol.next)) {
      const std::int32_t id = fallback_ids_[static_cast<unsigned char>(c)];
      if (id >= 0 || unknown_.has_value()) ids.push_back(id >= 0 ? id : *unknown_);
    }
  }
}

}  // namespace ttt
