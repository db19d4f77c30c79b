#include "apps/tool.h"
#include "testing/metrics.h"

namespace ttt {
namespace {

using support::Finished;
using support::tool;

// A one-dimensional .npy file.
std::string npy(const std::string& type, const std::string& shape, const std::string& data) {
  std::string header = "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }";
  header.append(63 - (10 + header.size()) % 64, ' ');
  header.push_back('\n');
  const auto length = static_cast<std::uint16_t>(header.size());
  return std::string("\x93NUMPY\x01\x00", 8) + std::string(reinterpret_cast<const char*>(&length), 2) + header + data;
}

template <class T>
std::string bytes_of(const std::vector<T>& v) {
  return {reinterpret_cast<const char*>(v.data()), v.size() * sizeof(T)};
}

class LogitsToolTest : public support::ToolTest {
 protected:
  LogitsToolTest() : model_(random_model()), out_(path("out.npy")) {}
  Finished logits(std::vector<std::string> more) const {
    std::vector<std::string> all{"logits", "-m", model_};
    all.insert(all.end(), more.begin(), more.end());
    return tool(all);
  }
  // Logits of kIds with further options.
  std::vector<float> values(std::vector<std::string> more) const {
    more.insert(more.end(), {"--tokens", kIds, "-o", out_});
    const Finished f = logits(more);
    expect_ok(f);
    EXPECT_EQ(f.out, "");
    return support::read_npy(out_);
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : support::fs::directory_iterator(support::fs::path(out_).parent_path())) {
      if (entry.is_regular_file()) all.push_back(entry.path().filename());
    }
    std::ranges::sort(all);
    return all;
  }

  static constexpr const char* kIds = "5,900,17,3,3,250,899,0,41";
  static constexpr std::size_t kTokens = 9;
  std::string model_, out_;
};

TEST_F(LogitsToolTest, EverySplitGivesTheSame) {
  const std::vector<float> whole = values({});
  ASSERT_EQ(whole.size(), kTokens * kVocab);
  const std::vector<std::vector<std::string>> splits{{"--prefill", "9"}, {"--prefill", "0"},
                                                     {"--prefill", "4"}, {"--chunk", "1"},
                                                     {"--chunk", "2"},   {"--chunk", "4", "--prefill", "7"},
                                                     {"--no-mmap"}, {"--pin"},      {"-t", "3"}};
  for (const auto& split : splits) EXPECT_LT(max_relative_error(whole, values(split)), 1e-5) << split.back();
  for (const std::size_t last : {1u, 4u, 9u}) {
    for (const char* chunk : {"1", "3", "512"}) {
      const std::vector<float> rows = values({"--last", std::to_string(last), "--chunk", chunk});
      const std::vector<float> want(whole.end() - static_cast<std::ptrdiff_t>(last * kVocab), whole.end());
      ASSERT_EQ(rows.size(), want.size());
      EXPECT_LT(max_relative_error(want, rows), 1e-5) << last << " " << chunk;
    }
  }
}

TEST_F(LogitsToolTest, TheFileIsAnArrayThatNumpyReads) {
  values({"--last", "2"});
  const std::string bytes = support::read_file(out_);
  const std::size_t header = static_cast<unsigned char>(bytes[8]) + 256u * static_cast<unsigned char>(bytes[9]);
  EXPECT_EQ((10 + header) % 64, 0u);
  EXPECT_EQ(bytes[9 + header], '\n');
  EXPECT_TRUE(bytes.substr(10, header).starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 904), }"));
  EXPECT_EQ(bytes.size(), 10 + header + 2 * kVocab * 4);
}

TEST_F(LogitsToolTest, IdsMayComeFromAFile) {
  const std::vector<float> whole = values({});
  const std::vector<std::int32_t> ids{5, 900, 17, 3, 3, 250, 899, 0, 41};
  const std::vector<std::int64_t> wide(ids.begin(), ids.end());
  const auto from = [&](const std::string& bytes) {
    return logits({"--tokens-file", file("ids.npy", bytes), "-o", out_});
  };
  for (const std::string& bytes : {npy("<i4", "(9,)", bytes_of(ids)), npy("<i8", "(9,)", bytes_of(wide))}) {
    expect_ok(from(bytes));
    EXPECT_EQ(support::read_npy(out_), whole);
  }
  expect_error(from(npy("<f4", "(9,)", bytes_of(ids))), 3, {"ids.npy", "<f4"});
  expect_error(from(npy("<i4", "(3, 3)", bytes_of(ids))), 3, {"ids.npy", "(3, 3)"});
  expect_error(from(npy("<i4", "(8,)", bytes_of(ids))), 3, {"ids.npy", "(8,)"});
  expect_error(from(npy("<i8", "(1,)", bytes_of(std::vector<std::int64_t>{std::int64_t{1} << 40}))), 3,
               {"1099511627776"});
  expect_error(from("not an array"), 3, {"ids.npy"});
  expect_error(from(npy("<i4", "(9,)", bytes_of(ids)).substr(0, 30)), 3, {"ids.npy"});
  expect_error(from(""), 3, {"ids.npy"});
  std::string version = npy("<i4", "(9,)", bytes_of(ids));
  version[6] = 9;
  expect_error(from(version), 6, {"ids.npy", ".npy version wanted 1 to 3, got 9"});
  expect_error(from(npy("<i4", "(0,)", "")), 2, {"at least one token id"});
  expect_error(logits({"--tokens-file", path("none.npy"), "-o", out_}), 4, {"none.npy"});
  expect_error(logits({"--tokens-file", file("ids.npy", npy("<i4", "(9,)", bytes_of(ids))), "-o", path("ids.npy")}), 2,
               {"ids.npy", "input"});
}

TEST_F(LogitsToolTest, NoFileOfTheModelIsReplaced) {
  for (const char* name : {"config.json", "tokenizer.json", "model.safetensors"}) {
    const std::string path = model_ + "/" + name, before = support::read_file(path);
    expect_error(logits({"--tokens", "1", "-o", path}), 2, {path, "is an input"});
    EXPECT_EQ(support::read_file(path), before);
  }
  expect_ok(logits({"--tokens", "1", "-o", model_ + "/out.npy"}));
}

TEST_F(LogitsToolTest, RefusesBadArguments) {
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), {"-o", out_});
    return logits(more);
  };
  expect_error(with({"--tokens", "1,904"}), 2, {"token id wanted 0 to 903, got 904"});
  expect_error(with({"--tokens", "-1,2"}), 2, {"token id wanted 0 to 903, got -1"});
  expect_error(with({"--tokens", "1,x"}), 2, {"--tokens wanted integers", "1,x"});
  expect_error(with({"--tokens", "1,2.5"}), 2, {"--tokens wanted integers"});
  expect_error(with({"--tokens", "1,99999999999"}), 2, {"--tokens wanted integers"});
  expect_error(with({}), 2, {"one of --tokens and --tokens-file"});
  expect_error(with({"--tokens", "1", "--tokens-file", "x"}), 2, {"one of --tokens and --tokens-file"});
  expect_error(with({"--tokens", "1,2", "--last", "3"}), 2, {"--last wanted 1 to 2"});
  expect_error(with({"--tokens", "1,2", "--last", "-1"}), 2, {"--last wanted 1 to 2"});
  expect_error(with({"--tokens", "1,2", "--last", "0"}), 2, {"--last wanted 1 to 2"});
  expect_error(with({"--tokens", "1,2,"}), 2, {"--tokens wanted integers", "1,2,"});
  expect_error(with({"--tokens", "1,,2"}), 2, {"--tokens wanted integers"});
  expect_error(logits({"--tokens", "1", "-o", ""}), 2, {"-o wanted"});
  expect_error(with({"--tokens", "1,2", "--prefill", "3"}), 2, {"--prefill wanted 0 to 2"});
  expect_error(with({"--tokens", "1,2", "--prefill", "-1"}), 2, {"--prefill wanted 0 to 2"});
  expect_error(with({"--tokens", "1,2", "--ctx", "1"}), 2, {"--ctx 1 wanted at least 2"});
  EXPECT_FALSE(support::fs::exists(out_));
}

TEST_F(LogitsToolTest, TheOutputIsReplacedAtOnceOrNotAtAll) {
  const std::string old = "what was there before";
  support::write_file(out_, old);
  EXPECT_EQ(logits({"--tokens", "1,904", "-o", out_}).status, 2);
  EXPECT_EQ(support::read_file(out_), old);
  values({});
  EXPECT_NE(support::read_file(out_), old);
  EXPECT_EQ(names(), std::vector<std::string>{"out.npy"});  // nothing is left beside it

  support::fs::create_symlink("out.npy", path("link.npy"));
  support::write_file(out_, old);
  expect_ok(logits({"--tokens", kIds, "-o", path("link.npy")}));
  EXPECT_TRUE(support::fs::is_symlink(path("link.npy")));
  EXPECT_EQ(support::read_npy(out_).size(), kTokens * kVocab);
}

TEST_F(LogitsToolTest, OutputThatCannotBeWrittenIsNamed) {
  expect_error(logits({"--tokens", "1", "-o", path("none/out.npy")}), 4, {"none/out.npy: cannot write: "});
  expect_error(logits({"--tokens", "1", "-o", path("")}), 4, {"cannot write: "});
  // A full device is out of space, and stays a device.
  expect_error(logits({"--tokens", kIds, "-o", "/dev/full"}), 5, {"/dev/full: cannot write: "});
  expect_ok(logits({"--tokens", kIds, "-o", "/dev/null"}));
  EXPECT_EQ(logits({"--tokens", kIds, "-o", "-"}).out.size(), 128 + kTokens * kVocab * sizeof(float));
  for (const char* device : {"/dev/full", "/dev/null"}) EXPECT_TRUE(support::fs::is_character_file(device)) << device;
  const Finished piped = logits({"--tokens", "1", "-o", "/dev/stdout"});
  EXPECT_EQ(piped.status, 0) << piped.err;
  EXPECT_TRUE(piped.out.starts_with("\x93NUMPY"));
  // The weights themselves are no place for a result.
  expect_error(logits({"--tokens", "1", "-o", model_ + "/model.safetensors"}), 2, {"model.safetensors", "input"});
}

}  // namespace
}  // namespace ttt
