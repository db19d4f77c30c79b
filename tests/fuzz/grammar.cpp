#include "text/grammar/grammar.h"

#include <bit>
#include <memory>

#include "fuzz/memory_file.h"
#include "fuzz/targets.h"
#include "text/grammar/matcher.h"

namespace ttt::fuzz {
namespace {

// Letters, and tokens that cross the borders of grammars.
std::shared_ptr<const GrammarVocabulary> vocabulary() {
  Json tokens{Json::Object()};
  std::int64_t id = 0;
  for (char c = '!'; c <= '~'; ++c) tokens.set(std::string(1, c), id++);
  for (const char* more : {"ab",
                           "aa",
                           "abc",
                           "\"}",
                           "\":",
                           "{\"",
                           "\"},{\"",
                           "]]",
                           "}}",
                           "null",
                           "true",
                           "12",
                           "\\u",
                           "\\\"",
                           "\xC4\xA0",
                           "\xC4\x8A",
                           ",\xC4\xA0\"",
                           "\xC3\x83",
                           "\xC2\xA9",
                           "\xC3\x83\xC2\xA9",
                           "\xC3\xA2\xC4\xA4"}) {
    tokens.set(more, id++);
  }
  const Json tokenizer(
      Json::Object{{"model", Json::Object{{"type", "BPE"}, {"vocab", std::move(tokens)}, {"merges", Json::Array()}}},
                   {"decoder", Json::Object{{"type", "ByteLevel"}}}});
  return std::make_shared<const GrammarVocabulary>(Tokenizer::from_json(tokenizer, {}, "fuzz"), id);
}

Grammar grammar_of(char kind, std::string_view source) {
  // Small, so that none takes long.
  const GrammarOptions options{.where = "fuzz",
                               .space = kind == 'S' ? JsonSpace::kIndented : JsonSpace::kSpaced,
                               .limits = {.graph_states = 1 << 14, .states = 1 << 12, .steps = 1 << 20}};
  switch (kind) {
    case 'r':
      return regex_grammar(source, options);
    case 's':
    case 'S':
      return json_schema_grammar(Json::parse(source, "fuzz"), options);
    case 't':
      return tool_call_grammar({{"f", Json::parse(source, "fuzz")}, {"g", Json()}},
                               {.call_begin = "<t>", .name_end = ":", .call_end = "</t>"},
                               {.several = true, .trigger = "<t"}, options);
    default:
      return gbnf_grammar(source, options);
  }
}

}  // namespace

// A byte for the kind, a grammar, a zero, then choices among the tokens that are allowed. Masks are as if every token
// were tried.
void run_grammar(std::span<const std::byte> bytes) {
  static const std::shared_ptr<const GrammarVocabulary> tokens = vocabulary();
  if (bytes.empty()) return;
  const std::string_view all = as_text(bytes);
  const std::size_t end = std::min(all.find('\0', 1), all.size());
  const Grammar grammar = grammar_of(all[0], all.substr(1, end - 1));
  const auto constraint = make_constraint(grammar, tokens, 1 << 16);
  const auto state = constraint->begin();
  GrammarMatcher matcher(*grammar.automaton());
  std::vector<std::uint32_t> mask(tokens->words()), slow(tokens->words());
  for (const char choice : all.substr(end).substr(0, 64)) {
    state->allowed(mask);
    slow.assign(slow.size(), 0);
    std::vector<std::int32_t> ids;
    for (std::int32_t id = 0; id < tokens->vocab(); ++id) {
      GrammarMatcher copy = matcher;
      if (tokens->bytes_of(id).empty() || !copy.accept(tokens->bytes_of(id))) continue;
      slow[static_cast<std::size_t>(id) / 32] |= 1u << (id % 32);
      ids.push_back(id);
    }
    require(mask == slow, ErrorKind::kInternal, "a mask differs from the slow one");
    require(state->can_end() == matcher.can_end(), ErrorKind::kInternal, "two readers of one text differ");
    if (ids.empty()) return;
    const std::int32_t id = ids[static_cast<unsigned char>(choice) % ids.size()];
    state->accept(id);
    matcher.accept(tokens->bytes_of(id));
  }
}

}  // namespace ttt::fuzz
