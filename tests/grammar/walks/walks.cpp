// Writes random texts of the grammars of the schemas in a file, which run.py gives to the package jsonschema.
//   grammar_walks json_schemas.json COUNT
// One line for each text: {"schema": number, "text": text}.

#include <cstdio>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "base/error.h"
#include "text/grammar/grammar.h"
#include "text/grammar/matcher.h"

namespace ttt {
namespace {

// Characters by which values end come first once a text is long.
std::string walk(const Grammar& grammar, std::mt19937& random) {
  constexpr std::size_t kLong = 40;
  GrammarMatcher matcher(*grammar.automaton());
  std::string text;
  for (;;) {
    std::string allowed;
    for (int b = 0; b < 256; ++b) {
      GrammarMatcher copy = matcher;
      const char c = static_cast<char>(b);
      if (copy.accept({&c, 1})) allowed.push_back(c);
    }
    const bool ends = matcher.can_end();
    if (allowed.empty() || (ends && (text.size() > kLong || random() % 4 == 0))) {
      require(ends, ErrorKind::kInternal, "a dead end after ", text);
      return text;
    }
    char next = allowed[random() % allowed.size()];
    // Half of the time a printable one.
    for (int i = 0; i < 20 && random() % 2 == 0 && (next < ' ' || next > '~'); ++i)
      next = allowed[random() % allowed.size()];
    if (text.size() > kLong) {
      const std::size_t closing = allowed.find_first_of("}]\"0");
      if (closing != std::string::npos && random() % 4 != 0) next = allowed[closing];
    }
    matcher.accept({&next, 1});
    text.push_back(next);
  }
}

int run(int argc, char** argv) {
  require(argc == 3, ErrorKind::kUsage, "usage: grammar_walks FILE COUNT");
  std::ifstream in(argv[1], std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  const Json all = Json::parse(bytes, argv[1]);
  std::mt19937 random(11);
  std::int64_t number = 0;
  for (const Json& entry : all.as_array(argv[1])) {
    for (const JsonSpace space : {JsonSpace::kCompact, JsonSpace::kSpaced, JsonSpace::kIndented}) {
      const Grammar grammar = json_schema_grammar(entry.at("schema", argv[1]), {.space = space});
      for (int i = 0; i < std::stoi(argv[2]); ++i) {
        std::puts(Json(Json::Object{{"schema", number}, {"text", walk(grammar, random)}}).dump().c_str());
      }
    }
    ++number;
  }
  return 0;
}

}  // namespace
}  // namespace ttt

int main(int argc, char** argv) {
  try {
    return ttt::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
