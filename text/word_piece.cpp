#include "text/word_piece.h"

#include <utility>

#include "base/error.h"

namespace ttt {
namespace {

std::size_t characters(std::string_view s) {
  std::size_t count = 0;
  for (const char c : s) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

std::int32_t unknown_for(std::string_view word, const std::optional<std::int32_t>& unknown) {
  require(unknown.has_value(), ErrorKind::kBadData, "encode: \"", word.substr(0, 100),
          "\" wanted an unknown token, but the vocabulary has none");
  return *unknown;
}

}  // namespace

WordPieceModel::WordPieceModel(const Vocabulary& vocabulary, Options options)
    : options_(std::move(options)), trie_(vocabulary), inner_(trie_.walk(options_.prefix)) {}

bool WordPieceModel::cut(std::string_view word, std::vector<std::int32_t>& ids) const {
  for (std::size_t begin = 0; begin < word.size();) {
    std::uint32_t node = begin == 0 ? TokenTrie::kRoot : inner_;
    std::int32_t best = -1;
    std::size_t best_end = begin;
    for (std::size_t i = begin; i < word.size() && node != TokenTrie::kNone;) {
      node = trie_.child(node, static_cast<unsigned char>(word[i]));
      ++i;
      if (node == TokenTrie::kNone || trie_.id(node) < 0) continue;
      best = trie_.id(node);
      best_end = i;
    }
    if (best < 0) return false;
    ids.push_back(best);
    begin = best_end;
  }
  return true;
}

void WordPieceModel::encode(std::string_view word, ModelScratch&, std::vector<std::int32_t>& ids) const {
  const std::size_t before = ids.size();
  if (word.size() <= options_.longest_word || characters(word) <= options_.longest_word) {
    if (options_.mark.empty() ? cut(word, ids) : cut(options_.mark + std::string(word), ids)) return;
  }
  ids.resize(before);
  ids.push_back(unknown_for(word, options_.unknown));
}

void WordLevelModel::encode(std::string_view word, ModelScratch&, std::vector<std::int32_t>& ids) const {
  const auto id = vocabulary_.find(word);
  ids.push_back(id ? *id : unknown_for(word, unknown_));
}

}  // namespace ttt
