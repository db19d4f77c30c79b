#include <gtest/gtest.h>

#include "tests/text/corpus.h"
#include "text/tokenizer.h"

namespace ttt {
namespace {

Json base_of(const Json& added) {
  std::string vocabulary;
  for (int i = 0; i < 26; ++i) vocabulary += text("\"", static_cast<char>('a' + i), "\": ", i, ", ");
  Json json = Json::parse(text(R"({"model": {"type": "BPE", "merges": [["a", "b"]], "vocab": {)", vocabulary,
                               R"("<": 26, ">": 27, "|": 28, "/": 29, " ": 30, "ab": 31}}})"),
                          "base");
  json.set("added_tokens", added);
  return json;
}

// Ids of transformers' AutoTokenizer for 150 random sets of files, recorded by tools/make_token_file_fixtures.py.
TEST(TokenFiles, AgreesWithReference) {
  const Json golden = Json::parse(read_golden("token_files.json"), "golden");
  int number = 0;
  for (const Json& one : golden.as_array("golden")) {
    const auto file = [&](std::string_view key) {
      const Json& json = one.at(key, "golden");
      return json.is_null() ? nullptr : &json;
    };
    const Tokenizer t = Tokenizer::from_json(
        base_of(one.at("added", "")),
        {.config = file("config"), .special_tokens_map = file("special"), .added_tokens = file("added_tokens")},
        "golden");
    const auto& texts = one.at("texts", "").as_array("");
    const auto& ids = one.at("ids", "").as_array("");
    for (std::size_t i = 0; i < texts.size(); ++i) {
      std::vector<std::int32_t> wanted;
      for (const Json& id : ids[i].as_array("")) wanted.push_back(static_cast<std::int32_t>(id.as_integer("")));
      EXPECT_EQ(t.encode(texts[i].as_string("")), wanted) << "case " << number << ": " << texts[i].dump() << "\n"
                                                          << one.dump();
    }
    const auto same = [&](const char* name, const std::optional<std::int32_t>& id) {
      const Json& wanted = one.at("names", "").at(name, "");
      EXPECT_EQ(wanted.is_null() ? -1 : wanted.as_integer(""), id.value_or(-1)) << "case " << number << " " << name;
    };
    same("bos", t.bos_id());
    same("eos", t.eos_id());
    same("pad", t.pad_id());
    ++number;
  }
  EXPECT_EQ(number, 150);
}

TEST(TokenFiles, RefusesByName) {
  const auto refused = [](const char* config, const std::string& message) {
    const Json json = Json::parse(config, "config");
    try {
      Tokenizer::from_json(base_of(Json(Json::Array{})), {.config = &json}, "t.json");
      ADD_FAILURE() << "accepted: " << config;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kBadData);
      EXPECT_NE(std::string(e.what()).find(message), std::string::npos) << e.what();
    }
  };
  refused("[]", "tokenizer_config wanted object");
  refused(R"({"added_tokens_decoder": {"x": {"content": "<a>"}}})", "added_tokens_decoder: wanted an id, got \"x\"");
  refused(R"({"added_tokens_decoder": {"1": {}}})", "lacks \"content\"");
  refused(R"({"extra_special_tokens": 3})", "extra_special_tokens");
  refused(R"({"bos_token": 3})", "bos_token");
}

}  // namespace
}  // namespace ttt
