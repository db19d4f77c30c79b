// classify, rerank, embed and generate on texts, against what transformers and torch answer to them.

#include <algorithm>
#include <cmath>

#include "apps/tool.h"
#include "base/json.h"
#include "testing/metrics.h"

namespace ttt {
namespace {

using support::tool;
using Rows = std::vector<std::vector<double>>;

constexpr double kTolerance = 2e-5;  // of scores and coordinates of about 1

std::vector<double> numbers(const Json& list) {
  std::vector<double> all;
  for (const Json& v : list.as_array("numbers")) all.push_back(v.as_number("a number"));
  return all;
}
Rows rows_of(const Json& list) {
  Rows rows;
  for (const Json& row : list.as_array("rows")) rows.push_back(numbers(row));
  return rows;
}
std::vector<std::string> strings(const Json& list) {
  std::vector<std::string> all;
  for (const Json& v : list.as_array("strings")) all.push_back(v.as_string("a string"));
  return all;
}
std::vector<Json> lines_of(const std::string& out) {
  std::vector<Json> lines;
  for (std::size_t begin = 0; begin < out.size();) {
    const std::size_t end = out.find('\n', begin);
    lines.push_back(Json::parse(std::string_view(out).substr(begin, end - begin), "a line"));
    begin = end == std::string::npos ? out.size() : end + 1;
  }
  return lines;
}
void expect_near(const std::vector<double>& wanted, const std::vector<double>& got, const std::string& what) {
  ASSERT_EQ(wanted.size(), got.size()) << what;
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(wanted[i], got[i], kTolerance) << what << " " << i;
}

class EncoderTexts : public support::ToolTest {
 protected:
  // A copy of a fixture, to be changed.
  void use(const std::string& name) {
    model_ = path(name);
    std::filesystem::copy(std::filesystem::path(TTT_SOURCE_DIR) / "tests/golden/encoder_texts" / name, model_,
                          std::filesystem::copy_options::recursive);
    answers_ = read("answers.json");
    input_.clear();
    for (const std::string& text : strings(answer("texts"))) input_ += text + "\n";
  }
  const Json& answer(std::string_view key) const { return answers_.at(key, "answers.json"); }
  Json read(const std::string& name) const {
    const std::string bytes = support::read_file(model_ / name);
    return Json::parse(bytes, name);
  }
  void write(const std::string& name, const Json& json) const { support::write_file(model_ / name, json.dump()); }
  // Puts the members of `changes` into a file of the model.
  void change(const std::string& name, const Json& changes) const {
    Json json = read(name);
    for (const auto& [key, value] : changes.as_object("changes")) json.set(key, value);
    write(name, json);
  }

  // The JSON lines of a command that reads the texts.
  std::vector<Json> lines(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin() + 1, {"-m", model_, "--strategy", "accuracy", "--kv-format", "f32"});
    const auto run = tool(arguments, {.input = input_});
    expect_ok(run);
    return lines_of(run.out);
  }
  // What rerank says, in the order of the texts. Its own order is from best to worst.
  std::vector<double> reranked() const {
    const std::vector<std::string> texts = strings(answer("texts"));
    std::vector<double> scores(texts.size(), NAN);
    double last = INFINITY;
    for (const Json& line : lines({"rerank", "--query", answer("query").as_string("query")})) {
      const auto index = static_cast<std::size_t>(line.at("index", "line").as_integer("index"));
      scores.at(index) = line.at("score", "line").as_number("score");
      EXPECT_EQ(line.at("text", "line").as_string("text"), texts.at(index));
      EXPECT_LE(scores[index], last);
      last = scores[index];
    }
    return scores;
  }
  void expect_classes() {
    const std::vector<std::string> labels = strings(answer("labels"));
    const Json config = read("config.json"), settings = read("tokenizer_config.json");
    for (const Json& c : answer("cases").as_array("cases")) {
      write("config.json", config);
      write("tokenizer_config.json", settings);
      change("config.json", c.at("config", "case"));
      change("tokenizer_config.json", c.at("tokenizer", "case"));
      const Rows wanted = rows_of(c.at("scores", "case"));
      const std::vector<Json> got = lines({"classify"});
      ASSERT_EQ(got.size(), wanted.size());
      for (std::size_t i = 0; i < got.size(); ++i) {
        std::vector<double> scores;
        for (const std::string& label : labels) scores.push_back(got[i].at(label, "line").as_number(label));
        EXPECT_EQ(got[i].as_object("line").size(), labels.size());
        expect_near(wanted[i], scores, c.dump().substr(0, 80) + " text " + std::to_string(i));
      }
    }
    write("config.json", config);
    write("tokenizer_config.json", settings);
  }
  void expect_continued(const std::string& name) {
    use(name);
    const std::vector<std::string> texts = strings(answer("texts")), wanted = strings(answer("answers"));
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto run = tool({"generate", "-m", model_, "--strategy", "accuracy", "--kv-format", "f32", "--temp", "0",
                             "-n", std::to_string(answer("count").as_integer("count")), "-p", texts[i]});
      expect_ok(run);
      EXPECT_EQ(run.out, wanted[i]) << texts[i];
    }
  }

  std::string model() const { return model_; }
  const std::string& input() const { return input_; }

 private:
  std::filesystem::path model_;
  std::string input_;
  Json answers_;
};

std::vector<double> sigmoid(std::vector<double> values) {
  for (double& v : values) v = 1 / (1 + std::exp(-v));
  return values;
}

// Softmax, sigmoid or neither as problem_type says; a long text loses its end, or its beginning.
TEST_F(EncoderTexts, ClassifyGivesTheScoresOfThePipeline) {
  use("labels");
  expect_classes();
}

TEST_F(EncoderTexts, ClassifyGivesTheScoreOfASingleLabel) {
  use("pairs");
  expect_classes();
}

TEST_F(EncoderTexts, ClassifyReadsTextsWithBothSidesOfBart) {
  use("bart_labels");
  expect_classes();
}

// Every token of the text with its label, and none of those that the tokenizer adds.
TEST_F(EncoderTexts, ClassifyLabelsTokens) {
  use("tokens");
  const auto& wanted = answer("tokens").as_array("tokens");
  for (const char* batch : {"32", "1"}) {
    const std::vector<Json> got = lines({"classify", "--batch", batch});
    ASSERT_EQ(got.size(), wanted.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      const auto &g = got[i].as_array("tokens"), &w = wanted[i].as_array("tokens");
      ASSERT_EQ(g.size(), w.size()) << i;
      for (std::size_t k = 0; k < g.size(); ++k) {
        for (const char* key : {"index", "token", "label"}) EXPECT_EQ(g[k].at(key, "t"), w[k].at(key, "t")) << i << key;
        EXPECT_NEAR(g[k].at("score", "t").as_number("score"), w[k].at("score", "t").as_number("score"), kTolerance);
      }
    }
  }
  expect_error(tool({"rerank", "-m", model(), "--query", "who?"}, {.input = input()}), 6,
               {"has no head for classes, which was asked for"});
}

TEST_F(EncoderTexts, ClassifyPassesNoTypesToAModelWithout) {
  use("pairs_plain");
  expect_classes();
}

TEST_F(EncoderTexts, RerankScoresPairsAsACrossEncoder) {
  use("pairs");
  const std::vector<double> logits = numbers(answer("scores"));
  expect_near(sigmoid(logits), reranked(), "sigmoid");
  const auto with = [&](const char* key, const char* function) {
    change("config.json", Json(Json::Object{{key, Json(function)}}));
  };
  with("sbert_ce_default_activation_function", "torch.nn.modules.linear.Identity");
  expect_near(logits, reranked(), "Identity, as older files name it");
  change("config.json",
         Json(Json::Object{{"sentence_transformers",
                            Json(Json::Object{{"activation_fn", Json("torch.nn.modules.activation.Sigmoid")}})}}));
  expect_near(sigmoid(logits), reranked(), "Sigmoid");
  change("config.json",
         Json(Json::Object{{"sentence_transformers", Json(Json::Object{{"activation_fn", Json("torch.nn.ReLU")}})}}));
  expect_error(tool({"rerank", "-m", model(), "--query", "who?"}, {.input = input()}), 6,
               {"config.json: the function of scores wanted Sigmoid or Identity, got \"torch.nn.ReLU\""});
}

// The tokenizer knows types that the model does not, and cuts both texts of a pair.
TEST_F(EncoderTexts, RerankPassesNoTypesToAModelWithout) {
  use("pairs_plain");
  expect_near(sigmoid(numbers(answer("scores"))), reranked(), "scores");
}

// Texts of similar length share a step, whatever their order; none changes another's scores.
TEST_F(EncoderTexts, BatchesDoNotChangeWhatClassifyAndRerankSay) {
  use("labels");
  const std::vector<Json> together = lines({"classify"});
  ASSERT_GT(together.size(), 2u);
  for (const char* batch : {"1", "2"}) {
    const std::vector<Json> got = lines({"classify", "--batch", batch});
    ASSERT_EQ(got.size(), together.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      for (const std::string& label : strings(answer("labels"))) {
        EXPECT_NEAR(got[i].at(label, "line").as_number(label), together[i].at(label, "line").as_number(label), 1e-6);
      }
    }
  }
  expect_error(tool({"classify", "-m", model(), "--batch", "0"}, {.input = input()}), 2,
               {"--batch wanted a positive number, got 0"});
  use("pairs_plain");
  const std::vector<double> scores = reranked();
  for (const Json& line : lines({"rerank", "--batch", "1", "--query", answer("query").as_string("query")})) {
    const auto index = static_cast<std::size_t>(line.at("index", "line").as_integer("index"));
    EXPECT_NEAR(line.at("score", "line").as_number("score"), scores[index], 1e-6);
  }
}

TEST_F(EncoderTexts, ClassifyAndRerankRefuseWhatTheyCannotRead) {
  use("labels");
  expect_error(tool({"rerank", "-m", model(), "--query", "who?"}, {.input = input()}), 6,
               {"rerank wanted a model with one class, got 3"});
  expect_error(tool({"classify", "-m", model()}), 2, {"standard input wanted at least one line, got none"});
  expect_error(tool({"rerank", "-m", model(), "--query", "who?"}), 2,
               {"standard input wanted at least one line, got none"});
  const auto refuses = [&](Json::Object settings, int status, const std::string& message) {
    change("tokenizer_config.json", Json(std::move(settings)));
    expect_error(tool({"classify", "-m", model()}, {.input = input()}), status, {message});
  };
  refuses({{"model_max_length", Json(2)}}, 2, "wanted a limit of at least 3 ids, as 2 are added to a text, got 2");
  refuses({{"model_max_length", Json(0)}}, 3, "tokenizer_config.json: model_max_length wanted at least 1, got 0");
  refuses({{"model_max_length", Json(24)}, {"truncation_side", Json("both")}}, 3,
          "tokenizer_config.json: truncation_side wanted left or right, got \"both\"");
}

TEST_F(EncoderTexts, EmbedRunsDenseLayers) {
  use("embedding");
  const auto embeddings = [&] {
    std::vector<double> all;
    for (const Json& line : lines({"embed"})) {
      const std::vector<double> row = numbers(line);
      EXPECT_EQ(row.size(), 12u);
      all.insert(all.end(), row.begin(), row.end());
    }
    return all;
  };
  const auto flat = [](const Json& json) {
    std::vector<double> all;
    for (const std::vector<double>& row : rows_of(json)) all.insert(all.end(), row.begin(), row.end());
    return all;
  };
  for (const auto& [name, wanted] : answer("embeddings").as_object("embeddings")) {
    change("2_Dense/config.json", Json(Json::Object{{"activation_function", Json("torch.nn.modules." + name)}}));
    expect_near(flat(wanted), embeddings(), name);
  }
  // Without the function it is tanh; without the last module lengths stay as they are.
  const Json before = read("2_Dense/config.json");
  Json dense{Json::Object{}};
  for (const auto& [key, value] : before.as_object("config")) {
    if (key != "activation_function") dense.set(key, value);
  }
  write("2_Dense/config.json", dense);
  Json::Array modules = read("modules.json").as_array("modules");
  modules.pop_back();
  write("modules.json", Json(modules));
  expect_near(flat(answer("plain")), embeddings(), "without Normalize");
}

TEST_F(EncoderTexts, EmbedWritesTheSameNumbersAsJsonAndAsNpy) {
  use("embedding");
  std::vector<float> lines_as_read;
  for (const Json& line : lines({"embed"})) {
    for (const double v : numbers(line)) lines_as_read.push_back(static_cast<float>(v));
  }
  for (const char* batch : {"1", "3"}) {
    const std::string out = path("out.npy");
    expect_ok(
        tool({"embed", "-m", model(), "--strategy", "accuracy", "--kv-format", "f32", "--batch", batch, "-o", out},
             {.input = input()}));
    const std::vector<float> array = support::read_npy(out);
    ASSERT_EQ(array.size(), lines_as_read.size());
    EXPECT_LT(max_abs_error(lines_as_read, array), kTolerance) << "batch " << batch;
  }
}

TEST_F(EncoderTexts, EmbedRefusesADenseLayerOfAnotherWidth) {
  use("embedding");
  change("2_Dense/config.json", Json(Json::Object{{"in_features", Json(31)}}));
  expect_error(tool({"embed", "-m", model()}, {.input = input()}), 3, {"in_features wanted 32, got 31"});
}

// Without modules.json: the mean. The model does not know the tokenizer's types.
TEST_F(EncoderTexts, EmbedTakesTheMeanOfAnyEncoder) {
  use("pairs_plain");
  const Rows wanted = rows_of(answer("means"));
  const std::vector<Json> got = lines({"embed"});
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) expect_near(wanted[i], numbers(got[i]), std::to_string(i));
}

TEST_F(EncoderTexts, GenerateGoesOnAsT5) { expect_continued("t5"); }
TEST_F(EncoderTexts, GenerateGoesOnAsBart) { expect_continued("bart"); }

}  // namespace
}  // namespace ttt
