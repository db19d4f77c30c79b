// Time that the masks of tokens take, for each token that is generated under a grammar.
//   grammar_bench PATH...     PATH: a directory with a tokenizer, or a GGUF file
//
// A text that the grammar allows is read token by token, as the tokenizer cuts it: once with nothing kept (cold), and
// again with all that the first time has kept (warm).
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "runtime/load_tokenizer.h"
#include "text/grammar/grammar.h"

namespace ttt {
namespace {

// Of the processor, so that others who use the machine count less.
double now() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

constexpr const char* kSchema = R"({"type":"object","properties":{
  "name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":150},"email":{"type":"string","format":"email"},
  "city":{"type":"string","maxLength":80},"tags":{"type":"array","items":{"type":"string"}},
  "kind":{"enum":["user","admin","guest"]},"score":{"type":"number"},"active":{"type":"boolean"},
  "joined":{"type":"string","format":"date"},"note":{"type":["string","null"]}},
  "required":["name","age","email","city","tags","kind","score","active","joined","note"],"additionalProperties":false})";
constexpr const char* kPerson =
    R"({"name": "Ada Lovelace, Countess of Lovelace", "age": 36, "email": "ada@example.org", "city": "London, in the county of Middlesex", )"
    R"("tags": ["mathematics", "first computer programs", "poetical science", "the analytical engine"], "kind": "admin", "score": 98.75, )"
    R"("active": true, "joined": "1842-10-19", "note": "Translated a memoir by Luigi Menabrea, and added notes that are longer than it is."})";
constexpr const char* kNested =
    R"({"title": "A list of things, nested", "items": [{"id": 1, "parts": [{"x": [1, 2, [3, 4]], "y": {"z": null}}]}, )"
    R"({"id": 2, "text": "some longer text, which goes on for a while: \"quoted\" and then not", "empty": [], "none": {}}], "count": 2})";
constexpr const char* kLog = "(?:\\d{4}-\\d{2}-\\d{2} (?:INFO|WARN|ERROR) [^\\n]{0,200}\\n)+";
constexpr const char* kLines =
    "2024-01-02 INFO the service has started on port 8080 with 4 workers\n2024-01-02 ERROR a request was refused: the "
    "body "
    "is longer than the limit of 1048576 bytes\n2024-01-03 WARN a slow client was dropped after 30 seconds without a "
    "read\n";

struct Times {
  std::vector<double> all;
  void add(double t) { all.push_back(1e6 * t); }
  double at(double share) {
    std::sort(all.begin(), all.end());
    return all[std::min(all.size() - 1, static_cast<std::size_t>(share * static_cast<double>(all.size())))];
  }
};

void read(const TokenConstraint& constraint, const std::vector<std::int32_t>& ids, std::vector<std::uint32_t>& mask,
          Times& times) {
  const auto state = constraint.begin();
  for (const std::int32_t id : ids) {
    const double start = now();
    state->allowed(mask);
    times.add(now() - start);
    state->accept(id);
  }
  require(state->can_end(), ErrorKind::kInternal, "the text wanted to be complete");
}

template <class Compile>
void measure(const char* name, const Compile& compile, const std::shared_ptr<const GrammarVocabulary>& vocabulary,
             const std::vector<std::int32_t>& ids) {
  std::vector<std::uint32_t> mask(vocabulary->words());
  Times cold, warm, compilation;
  constexpr int kRounds = 5;
  for (int round = 0; round < kRounds; ++round) {
    const double start = now();
    const Grammar grammar = compile();
    compilation.add(now() - start);
    const auto constraint = make_constraint(grammar, vocabulary);
    read(*constraint, ids, mask, cold);
    for (int i = 0; i < 4; ++i) read(*constraint, ids, mask, warm);
  }
  std::printf(
      "  %-10s %4zu tokens  compile %8.0f us   cold median %7.1f p99 %7.1f us   warm median %6.1f p99 %6.1f us\n", name,
      ids.size(), compilation.at(0.5), cold.at(0.5), cold.at(0.99), warm.at(0.5), warm.at(0.99));
}

void measure_all(const std::filesystem::path& path) {
  const Tokenizer tokenizer = load_tokenizer(path);
  const double start = now();
  const auto vocabulary = std::make_shared<const GrammarVocabulary>(tokenizer, tokenizer.vocab_size());
  std::printf("%s: %lld ids, its trees made in %.0f ms\n", path.filename().c_str(),
              static_cast<long long>(tokenizer.vocab_size()), 1e3 * (now() - start));
  const auto ids = [&](const char* text) {
    return tokenizer.encode(text, {.add_special = false, .parse_special = false});
  };
  const Json schema = Json::parse(kSchema, "schema");
  measure(
      "json", [] { return json_object_grammar(); }, vocabulary, ids(kNested));
  measure(
      "schema", [&] { return json_schema_grammar(schema); }, vocabulary, ids(kPerson));
  measure(
      "regex", [] { return regex_grammar(kLog); }, vocabulary, ids(kLines));
}

int run(int argc, char** argv) {
  require(argc >= 2, ErrorKind::kUsage, "usage: grammar_bench PATH...");
  for (int i = 1; i < argc; ++i) measure_all(argv[i]);
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
