// Texts that become more ids than a limit allows, against the tokenizers package.

#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "runtime/load_tokenizer.h"
#include "support/random_checkpoint.h"

namespace ttt {
namespace {

const std::filesystem::path& folder() {
  static const std::filesystem::path path = std::filesystem::path(TTT_SOURCE_DIR) / "tests/golden/encoder_texts/pairs";
  return path;
}

std::vector<std::int32_t> integers(const Json& list) {
  std::vector<std::int32_t> all;
  for (const Json& v : list.as_array("ids")) all.push_back(static_cast<std::int32_t>(v.as_integer("an id")));
  return all;
}

TEST(TextLimit, CutsAsTheTokenizersPackage) {
  const Tokenizer tokenizer = load_tokenizer(folder());
  const Json cases = Json::parse(support::read_file(folder() / "limits.json"), "limits.json");
  std::size_t cut = 0;
  for (const Json& c : cases.as_array("limits.json")) {
    const EncodeOptions options{.limit = {.ids = c.at("most", "case").as_integer("most"),
                                          .keeps_end = c.at("keeps_end", "case").as_bool("end")}};
    const Json::Array& texts = c.at("texts", "case").as_array("texts");
    const std::string& first = texts[0].as_string("text");
    const Encoding got = texts.size() == 1 ? tokenizer.encode_with_types(first, options)
                                           : tokenizer.encode_pair(first, texts[1].as_string("text"), options);
    EXPECT_EQ(got.ids, integers(c.at("ids", "case"))) << c.dump();
    EXPECT_EQ(got.types, integers(c.at("types", "case"))) << c.dump();
    if (std::ssize(got.ids) == options.limit.ids) ++cut;
    if (texts.size() == 1) {
      EXPECT_EQ(tokenizer.encode(first, options), got.ids);
    }
  }
  EXPECT_GT(cut, cases.as_array("limits.json").size() / 4);
}

TEST(TextLimit, HasRoomForWhatIsAddedAndOneMore) {
  const Tokenizer tokenizer = load_tokenizer(folder());
  const auto message = [&](std::int64_t most, bool pair, bool special = true) -> std::string {
    const EncodeOptions options{.add_special = special, .limit = {.ids = most}};
    try {
      pair ? tokenizer.encode_pair("he", "reads", options) : tokenizer.encode_with_types("he reads", options);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kUsage);
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(message(3, false), "");
  EXPECT_EQ(message(2, false), "encode: wanted a limit of at least 3 ids, as 2 are added to a text, got 2");
  EXPECT_EQ(message(-1, false), "encode: wanted a limit of at least 3 ids, as 2 are added to a text, got -1");
  EXPECT_EQ(message(1, false, false), "");
  EXPECT_EQ(message(3, true), "encode: wanted a limit of at least 4 ids, as 3 are added to a text, got 3");
}

}  // namespace
}  // namespace ttt
