#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"
#include "text/grammar/grammar.h"

namespace ttt {
namespace {

using Texts = std::vector<std::string>;

void expect_language(const Grammar& grammar, const Texts& accepted, const Texts& refused) {
  for (const std::string& text : accepted) EXPECT_TRUE(grammar.accepts(text)) << text;
  for (const std::string& text : refused) EXPECT_FALSE(grammar.accepts(text)) << text;
}

void expect_refusal(const std::function<void()>& run, ErrorKind kind, const Texts& parts) {
  try {
    run();
    ADD_FAILURE() << "nothing was refused; wanted " << parts[0];
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), kind) << e.what();
    for (const std::string& part : parts) EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
  }
}

TEST(RegexGrammar, ReadsWhatDialectsShare) {
  const auto regex = [](std::string_view e) { return regex_grammar(e); };
  expect_language(regex("a|bc*"), {"a", "b", "bccc"}, {"", "ac", "bca", "aa"});
  expect_language(regex("(?:ab){2,3}x?"), {"abab", "ababab", "ababx"}, {"ab", "abababab", "abx"});
  expect_language(regex("[^a-c\\]]+\\d{,2}"), {"d", "xyz12", "\xC3\xA9"}, {"", "a", "]"});
  expect_language(regex("^(a|b$)|^c$"), {"a", "b", "c"}, {"", "ab"});
  expect_language(regex("a^b|c$d|x"), {"x"}, {"ab", "cd"});
  expect_language(regex("\\w+\\s\\W"), {"ab_9 -"}, {"ab_9 a", "-  -"});
  expect_language(regex(".{3}"), {"abc", "\xE2\x82\xAC\xF0\x9F\x98\x80z"}, {"ab", "a\nb", "\xE2\x82\xAC"});
  expect_language(regex("(?i)straSse\\u00e9"), {"STRASSE\xC3\x89", "strasse\xC3\xA9"}, {"strase"});
  expect_language(regex("(a*)*b|{x}|a{"), {"b", "aaab", "{x}", "a{"}, {"a", "{"});
  expect_language(regex("(?P<year>\\d{4})-(?<month>0[1-9]|1[0-2])"), {"2024-12"}, {"2024-13"});
  expect_language(regex(""), {""}, {"a"});
  expect_language(regex("[\\d\\-x-z]+?"), {"1-y", "x"}, {"a"});
  expect_language(regex("\\p{Lu}\\P{Lu}"), {"Aa", "\xC3\x89z"}, {"AA", "aa"});
}

TEST(GbnfGrammar, ReadsRules) {
  const Grammar json = gbnf_grammar(R"(
# JSON, as in llama.cpp
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::=
  "{" ws (
            string ":" ws value
    ("," ws string ":" ws value)*
  )? "}" ws
array  ::=
  "[" ws (
            value
    ("," ws value)*
  )? "]" ws
string ::=
  "\"" (
    [^"\\\x7F\x00-\x1F] |
    "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) # escapes
  )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
# Optional space: by convention, applied in this grammar after literal chars when allowed
ws ::= | " " | "\n" [ \t]{0,20}
)");
  expect_language(json, {"{}", "{\"a\":[1,2.5e-3, {\"b\": null}]}", "{\"\\u00e9\\n\": \"x\xC3\xA9\"}\n"},
                  {"", "[]", "{\"a\":}", "{\"a\":[1,]}", "{\"a\":1}}", "{\"\x01\":1}"});
  expect_language(
      gbnf_grammar("root ::= a* \"x\"\n  | \"y\"{2,3} |\n \"z\" . [a-c-]\na ::= \"a\" | b\nb ::= \"b\" b?\n"),
      {"x", "abbax", "yy", "yyy", "z\xE2\x82\xAC-", "zza"}, {"", "y", "yyyy", "zz", "zzd"});
  expect_language(gbnf_grammar("root ::= \"(\" root \")\" root | \"\""), {"", "()", "(())()"}, {"(", "())", ")("});
  expect_language(gbnf_grammar("root ::= \"a\" root \"a\" | \"b\" root \"b\" | [ab]?"),
                  {"", "a", "aba", "abba", "babab"}, {"ab", "aab"});
}

TEST(RegexGrammar, RefusesByName) {
  const auto refused = [](std::string_view e, ErrorKind kind, const Texts& parts) {
    expect_refusal([&] { regex_grammar(e, {.where = "regex"}); }, kind, parts);
  };
  const ErrorKind unsupported = ErrorKind::kUnsupported, bad = ErrorKind::kBadData;
  refused("(a)\\1", unsupported, {"regex: ", "back-reference", "byte 4"});
  refused("(?P<x>a)(?P=x)", unsupported, {"back-reference"});
  refused("a(?=b)", unsupported, {"look-around"});
  refused("(?<!b)a", unsupported, {"look-around"});
  refused("(?>a)", unsupported, {"atomic group"});
  refused("a++", unsupported, {"possessive"});
  refused("\\bx", unsupported, {"word boundary"});
  refused("\\q", unsupported, {"the escape \\q"});
  refused("\\p{Nonsense}", unsupported, {"the property Nonsense"});
  refused("[]a]", unsupported, {"class that begins with a bracket"});
  refused("^*", unsupported, {"quantifier of an assertion"});
  refused("\\01", unsupported, {"octal"});
  refused("(a", bad, {"a group is not closed"});
  refused("a)", bad, {"a closing bracket too many", "byte 1"});
  refused("[a", bad, {"a class is not closed"});
  refused("[b-a]", bad, {"a range that goes down"});
  refused("*a", bad, {"a quantifier of nothing"});
  refused("a**", bad, {"a quantifier of a quantifier"});
  refused("a{3,2}", bad, {"bounds go down"});
  refused("\\x4", bad, {"hexadecimal"});
  refused("\xFF", bad, {"valid UTF-8"});
  refused("[^\\s\\S]", bad, {"a text of finite length"});
  refused("a^", bad, {"a text of finite length"});
}

TEST(GbnfGrammar, RefusesWithLineAndColumn) {
  const auto refused = [](std::string_view g, ErrorKind kind, const Texts& parts) {
    expect_refusal([&] { gbnf_grammar(g, {.where = "g.gbnf"}); }, kind, parts);
  };
  const ErrorKind unsupported = ErrorKind::kUnsupported, bad = ErrorKind::kBadData;
  refused("", bad, {"g.gbnf: the rule root is missing"});
  refused("a ::= \"x\"", bad, {"root is missing"});
  refused("root ::= a\n\na ::= b\n", bad, {"g.gbnf: line 3, column 7: the rule b is not defined"});
  refused("root ::= \"a\nx", bad, {"line 1, column 10: the literal is not closed"});
  refused("root ::= [a-", bad, {"line 1, column 10: the character class is not closed"});
  refused("root ::= [b-a]", bad, {"line 1, column 11: the range goes down"});
  refused("root ::= (\"a\"", bad, {"line 1, column 10: the group is not closed"});
  refused("root ::= \"a\" )", bad, {"line 1, column 14"});
  refused("root = \"a\"", bad, {"line 1, column 6: ::= is wanted"});
  refused("root ::= \"a\"\nroot ::= \"b\"", bad, {"line 2, column 1: the rule root is defined a second time"});
  refused("root ::= \"\\q\"", bad, {"line 1, column 11: the escape is not known"});
  refused("root ::= \"\\ud800\"", bad, {"the escape is no character"});
  refused("root ::= \"\\u12\"", bad, {"4 hexadecimal digits"});
  refused("root ::= \"a\"{2", bad, {"} is wanted"});
  refused("root ::= \"a\"{3,2}", bad, {"line 1, column 13: the bounds of a repetition go down"});
  refused("root ::= * \"a\"", bad, {"line 1, column 10"});
  refused("root ::= \"\xC3\xA9\" \xFF", bad, {"line 1, column 14: a byte that is no UTF-8"});
  refused("root ::= <think>", unsupported, {"tokens in a grammar"});
  refused("root ::= root \"a\" | \"b\"", bad, {"the rule root is left-recursive", "root -> root"});
  refused("root ::= x\nx ::= y? z\ny ::= \"y\"\nz ::= x \"z\" | \"q\"", bad, {"x -> z -> x"});
  refused("root ::= \"a\" root", bad, {"the rule root wanted a text of finite length"});
}

// RELIABILITY.md, 96: refused within the limits, whatever somebody sends.
TEST(Grammars, HugeAndDeepOnesAreRefusedQuickly) {
  const auto refused = [](std::string_view g, const Texts& parts) {
    expect_refusal([&] { gbnf_grammar(g); }, ErrorKind::kBadData, parts);
  };
  std::string deep = "root ::= ";
  for (int i = 0; i < 10000; ++i) deep += "(";
  refused(deep, {"more than 128 nested groups"});
  refused("root ::= ((((\"a\"{1000}){1000}){1000}){1000}){1000}", {"a repetition wanted at most", "524288 states"});
  refused("root ::= \"a\"{1000000000}", {"a repetition wanted at most"});
  refused("root ::= \"a\"{1000000000000}", {"a repetition of more than 1000000000"});
  refused(std::string(2 << 20, '#'), {"1048576 bytes"});
  std::string rules = "root ::= \"a\"\n";
  for (int i = 0; i < 20000; ++i) rules += text("r", i, " ::= \"a\"\n");
  refused(rules, {"16384 rules"});
  // Its automaton has 2^30 states.
  refused("root ::= [ab]* \"a\" [ab]{30}", {"131072 states of its automaton"});
  // 2^30 letters, written in 30 rules: small as rules that call each other.
  std::string doubled = "root ::= r0\n";
  for (int i = 0; i < 30; ++i) doubled += text("r", i, " ::= r", i + 1, " r", i + 1, "\n");
  EXPECT_FALSE(gbnf_grammar(doubled + "r30 ::= \"a\"").accepts("aaaa"));
  refused(doubled + "r30 ::= \"a\" | \"\"", {"16777216 steps"});

  expect_refusal([] { regex_grammar(std::string(10000, '(')); }, ErrorKind::kBadData, {"128 nested groups"});
  expect_refusal([] { regex_grammar("((a{9999}){9999}){9999}"); }, ErrorKind::kBadData,
                 {"a repetition wanted at most"});
  expect_refusal([] { regex_grammar("(a|b)*a(a|b){40}"); }, ErrorKind::kBadData, {"states of its automaton"});
}

}  // namespace
}  // namespace ttt
