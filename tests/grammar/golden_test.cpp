// Grammars against Python's `re` and the package `jsonschema` (tools/make_grammar_golden.py).

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/random_checkpoint.h"
#include "text/grammar/grammar.h"

namespace ttt {
namespace {

Json golden(const std::string& name) {
  return Json::parse(support::read_file(std::string(TTT_SOURCE_DIR) + "/tests/golden/grammars/" + name), name);
}

template <class Visit>
void each_text(const Json& entry, std::string_view key, const Visit& visit) {
  for (const Json& text : entry.at(key, "entry").as_array("entry")) visit(text.as_string("entry"));
}

TEST(GrammarGolden, RegularExpressionsAgreeWithPython) {
  const Json all = golden("regexes.json");
  int texts = 0;
  for (const Json& entry : all.as_array("")) {
    const std::string pattern = entry.at("pattern", "").as_string("");
    SCOPED_TRACE(pattern);
    const auto compiled = [&](const auto& make) -> std::optional<Grammar> {
      try {
        return make();
      } catch (const Error& e) {
        // No text at all matches: there is nothing to generate.
        EXPECT_NE(std::string(e.what()).find("a text of finite length"), std::string::npos) << e.what();
        return std::nullopt;
      }
    };
    const auto whole = compiled([&] { return regex_grammar(pattern); });
    each_text(entry, "whole", [&](const std::string& s) { EXPECT_TRUE(whole && whole->accepts(s)) << s; });
    each_text(entry, "not_whole", [&](const std::string& s) { EXPECT_FALSE(whole && whole->accepts(s)) << s; });
    // In a schema a pattern may match anywhere in the string.
    const auto part = compiled([&] {
      return json_schema_grammar(Json(Json::Object{{"type", "string"}, {"pattern", pattern}}));
    });
    each_text(entry, "holds", [&](const std::string& s) { EXPECT_TRUE(part && part->accepts(Json(s).dump())) << s; });
    each_text(entry, "holds_not",
              [&](const std::string& s) { EXPECT_FALSE(part && part->accepts(Json(s).dump())) << s; });
    ++texts;
  }
  EXPECT_GT(texts, 200);
}

TEST(GrammarGolden, SchemasAgreeWithJsonschema) {
  const Json all = golden("json_schemas.json");
  int schemas = 0;
  for (const Json& entry : all.as_array("")) {
    const Json& schema = entry.at("schema", "");
    SCOPED_TRACE(schema.dump());
    for (const JsonSpace space : {JsonSpace::kSpaced, JsonSpace::kIndented}) {
      const Grammar grammar = json_schema_grammar(schema, {.space = space});
      each_text(entry, "valid", [&](const std::string& s) { EXPECT_TRUE(grammar.accepts(s)) << s; });
      each_text(entry, "invalid", [&](const std::string& s) { EXPECT_FALSE(grammar.accepts(s)) << s; });
    }
    ++schemas;
  }
  EXPECT_GT(schemas, 30);
}

}  // namespace
}  // namespace ttt
