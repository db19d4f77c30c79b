#include "text/grammar/grammar_vocabulary.h"

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"

namespace ttt {

TokenTree::TokenTree(std::vector<Token> tokens) {
  // Characters compare as unsigned in a string_view.
  std::sort(tokens.begin(), tokens.end(),
            [](const Token& a, const Token& b) { return a.bytes != b.bytes ? a.bytes < b.bytes : a.id < b.id; });
  nodes_.emplace_back();
  std::vector<std::uint32_t> path{0};  // nodes from the root to the last token
  std::string_view last;
  const auto close = [&](std::size_t depth) {
    for (; path.size() > depth + 1; path.pop_back())
      nodes_[path.back()].end = static_cast<std::uint32_t>(nodes_.size());
  };
  for (const Token& token : tokens) {
    const auto same = static_cast<std::size_t>(
        std::mismatch(last.begin(), last.end(), token.bytes.begin(), token.bytes.end()).first - last.begin());
    close(same);
    for (std::size_t i = same; i < token.bytes.size(); ++i) {
      path.push_back(static_cast<std::uint32_t>(nodes_.size()));
      nodes_.push_back({.first = static_cast<std::uint32_t>(ids_.size()),
                        .depth = static_cast<std::uint16_t>(i + 1),
                        .byte = static_cast<std::uint8_t>(token.bytes[i])});
    }
    ids_.push_back(token.id);
    last = token.bytes;
  }
  close(0);
  nodes_[0].end = static_cast<std::uint32_t>(nodes_.size());
  nodes_.push_back({.first = static_cast<std::uint32_t>(ids_.size())});
}

namespace {

// The number of characters, or 0 where some are not plain.
std::size_t plain_characters(std::string_view bytes) {
  if (!is_valid_utf8(bytes)) return 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < bytes.size(); i += utf8_step(bytes[i]), ++count) {
    const auto c = static_cast<unsigned char>(bytes[i]);
    if (c < 0x20 || c == '"' || c == '\\') return 0;
  }
  return count;
}

}  // namespace

GrammarVocabulary::GrammarVocabulary(const Tokenizer& tokenizer, std::int64_t vocab,
                                     std::span<const std::int32_t> as_text)
    : vocab_(vocab), bytes_(static_cast<std::size_t>(vocab)) {
  constexpr std::size_t kLongest = 4096;  // longer ones are no words, and are never allowed
  std::array<std::vector<TokenTree::Token>, kTrees> tokens;
  for (std::vector<std::uint32_t>& mask : plain_) mask.resize(words());
  for (std::int32_t id = 0; id < std::min(vocab, tokenizer.vocab_size()); ++id) {
    const bool control = tokenizer.is_special(id) || tokenizer.unk_id() == id || tokenizer.bos_id() == id ||
                         tokenizer.eos_id() == id || tokenizer.eot_id() == id || tokenizer.pad_id() == id ||
                         std::binary_search(tokenizer.end_ids().begin(), tokenizer.end_ids().end(), id);
    const bool wanted = std::find(as_text.begin(), as_text.end(), id) != as_text.end();
    if (!tokenizer.is_token(id) || (control && !wanted)) continue;
    std::string& bytes = bytes_[static_cast<std::size_t>(id)];
    bytes = wanted ? tokenizer.token_text(id) : tokenizer.token_bytes(id);
    if (bytes.size() > kLongest) bytes.clear();
    if (bytes.empty()) continue;
    longest_ = std::max(longest_, bytes.size());
    const std::size_t length = plain_characters(bytes);
    std::size_t group = 0;
    while (group < kPlainLengths.size() && length > static_cast<std::size_t>(kPlainLengths[group])) ++group;
    const bool plain = length > 0 && group < kPlainLengths.size();
    tokens[plain ? group + 1 : 0].push_back({bytes, id});
    if (plain) plain_[group][static_cast<std::size_t>(id) / 32] |= 1u << (static_cast<unsigned>(id) % 32);
  }
  for (std::size_t i = 0; i < kTrees; ++i) trees_[i] = TokenTree(std::move(tokens[i]));
}

}  // namespace ttt
