#include "text/unigram.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "text/bpe.h"

namespace ttt {
namespace {

constexpr double kUnknownPenalty = 10, kNever = -std::numeric_limits<double>::infinity();

}  // namespace

UnigramModel::UnigramModel(const Vocabulary& vocabulary, std::vector<double> scores, const Options& options)
    : vocabulary_(vocabulary), options_(options), trie_(vocabulary), scores_(std::move(scores)) {
  double lowest = std::numeric_limits<double>::infinity();
  for (const Vocabulary::Token& token : vocabulary.tokens()) {
    const double score = scores_[static_cast<std::size_t>(token.id)];
    if (score != kNever) lowest = std::min(lowest, score);
  }
  unknown_score_ = lowest - kUnknownPenalty;
  for (std::size_t b = 0; b < 256; ++b) {
    fallback_ids_[b] = vocabulary.find(fallback_token_of(static_cast<unsigned char>(b))).value_or(-1);
  }
}

// After it, steps[i] is the best way to cut word[0, i).
void UnigramModel::search(std::string_view word, std::vector<ModelScratch::Step>& steps) const {
  steps.assign(word.size() + 1, ModelScratch::Step{});
  const auto reach = [&](std::size_t end, double score, std::size_t begin, std::int32_t id) {
    ModelScratch::Step& step = steps[end];
    if (step.begin < 0 || score > step.score) step = {score, static_cast<std::int32_t>(begin), id};
  };
  for (std::size_t begin = 0; begin < word.size();) {
    const double before = steps[begin].score;
    const std::size_t next = begin + utf8_step(word[begin]);
    bool covered = false;
    std::uint32_t node = TokenTrie::kRoot;
    for (std::size_t i = begin; i < word.size(); ++i) {
      node = trie_.child(node, static_cast<unsigned char>(word[i]));
      if (node == TokenTrie::kNone) break;
      const std::int32_t id = trie_.id(node);
      if (id < 0 || scores_[static_cast<std::size_t>(id)] == kNever) continue;
      reach(i + 1, scores_[static_cast<std::size_t>(id)] + before, begin, id);
      covered = covered || i + 1 == next;
    }
    if (!covered) {
      require(options_.unknown.has_value(), ErrorKind::kBadData, "encode: \"", word.substr(begin, next - begin),
              "\" wanted an unknown token, but the vocabulary has none");
      reach(next, unknown_score_ + before, begin, *options_.unknown);
    }
    begin = next;
  }
}

void UnigramModel::add_unknown(std::string_view piece, std::vector<std::int32_t>& ids) const {
  if (const auto id = vocabulary_.find(piece)) return ids.push_back(*id);
  const auto known = [&](char c) { return fallback_ids_[static_cast<unsigned char>(c)] >= 0; };
  if (options_.byte_fallback && std::all_of(piece.begin(), piece.end(), known)) {
    for (const char c : piece) ids.push_back(fallback_ids_[static_cast<unsigned char>(c)]);
  } else {
    ids.push_back(*options_.unknown);
  }
}

void UnigramModel::encode(std::string_view word, ModelScratch& scratch, std::vector<std::int32_t>& ids) const {
  search(word, scratch.steps);
  // From the end of the word to its start, then turned round.
  const auto first = static_cast<std::ptrdiff_t>(ids.size());
  std::size_t unknown_end = 0;  // of the unknown characters at hand; 0: none
  const auto take_unknown = [&](std::size_t begin) {
    if (unknown_end == 0) return;
    const auto at = static_cast<std::ptrdiff_t>(ids.size());
    add_unknown(word.substr(begin, unknown_end - begin), ids);
    std::reverse(ids.begin() + at, ids.end());
    unknown_end = 0;
  };
  for (std::size_t end = word.size(); end > 0;) {
    const ModelScratch::Step& step = scratch.steps[end];
    const auto begin = static_cast<std::size_t>(step.begin);
    if (step.id != options_.unknown) {
      take_unknown(end);
      ids.push_back(step.id);
    } else {
      if (unknown_end == 0) unknown_end = end;
      if (!options_.fuse_unknown) take_unknown(begin);
    }
    end = begin;
  }
  take_unknown(0);
  std::reverse(ids.begin() + first, ids.end());
}

}  // namespace ttt
