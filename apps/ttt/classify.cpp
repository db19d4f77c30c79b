#include <algorithm>

#include "apps/ttt/commands.h"
#include "apps/ttt/options.h"
#include "apps/ttt/prompt.h"
#include "apps/ttt/ranks.h"
#include "apps/ttt/text_lines.h"
#include "base/error.h"
#include "runtime/class_scores.h"
#include "runtime/text_batch.h"

namespace ttt::app {
namespace {

struct ClassifyFlags {
  ModelOptions model;
  std::string query = {};
  std::int64_t batch = 32;
};

TextLimit limit_of(const ClassifyFlags& f, const Checkpoint& checkpoint) {
  return text_limit(checkpoint, plan_model(checkpoint, f.model.families, load_options(f.model)).built.context);
}

void require_lines(std::span<const Encoding> texts) {
  require(!texts.empty(), ErrorKind::kUsage, "standard input wanted at least one line, got none");
}

// Outputs of the head for every text, in order: its classes, or those of every token, token by token.
std::vector<std::vector<float>> run_head(ClassifyFlags f, const std::shared_ptr<const Checkpoint>& checkpoint,
                                         const Tokenizer& tokenizer, std::span<const Encoding> texts,
                                         const TextLimit& limit) {
  std::int64_t longest = 1;
  for (const Encoding& t : texts) longest = std::max<std::int64_t>(longest, std::ssize(t.ids));
  // Several short texts make a step worth its while.
  constexpr std::int64_t kStepRows = 256;
  const std::int64_t sequences = std::min<std::int64_t>(f.batch, std::ssize(texts));
  const std::int64_t rows = sequences > 1 ? std::max(longest, std::min(limit.ids, kStepRows)) : longest;
  const bool of_tokens = f.model.output == OutputKind::kTokenClasses;
  f.model.source_rows = longest;
  Workbench bench(f.model, checkpoint,
                  {.sequences = sequences,
                   .context = context_for(f.model, *checkpoint, rows),
                   .chunk = rows,
                   .wanted = of_tokens ? rows : sequences},
                  [&](const Model& model) {
                    for (const Encoding& t : texts) require_rows(tokenizer, t.ids, model.vocab_size());
                  });
  for (const Encoding& t : texts) require_same("texts", t.ids);
  Runner runner = bench.runner();
  if (of_tokens) return token_classes_of(runner, texts);
  const bool shifts = runner.model().has_encoder();
  const std::vector<float> classes = classes_of(runner, texts, shifts ? shifted_source(*checkpoint) : ShiftedSource{});
  const std::ptrdiff_t width = runner.output_size();
  std::vector<std::vector<float>> all;
  for (auto row = classes.begin(); row != classes.end(); row += width) all.emplace_back(row, row + width);
  return all;
}

// {"LABEL": probability, ...}
Json labels_of_text(const Json& config, std::span<const float> classes) {
  const std::vector<double> p = apply_scores(class_scores(config, std::ssize(classes)), classes);
  Json line{Json::Object{}};
  for (std::size_t i = 0; i < p.size(); ++i) line.set(class_label(config, i), Json(p[i]));
  return line;
}

// [{"index": 1, "token": ..., "label": ..., "score": ...}, ...]: the most probable label of every token of the text, as
// the pipeline of transformers says it without an aggregation, labels "O" included. `index` counts from the first id,
// those that were added to the text included.
Json labels_of_tokens(const Json& config, const Tokenizer& tokenizer, const Encoding& text,
                      std::span<const float> outputs) {
  const std::size_t width = outputs.size() / text.ids.size();
  Json::Array tokens;
  const auto end = text.ids.size() - static_cast<std::size_t>(tokenizer.ids_after());
  for (auto i = static_cast<std::size_t>(tokenizer.ids_before()); i < end; ++i) {
    const std::vector<double> p = apply_scores(ClassScores::kSoftmax, outputs.subspan(i * width, width));
    const auto best = static_cast<std::size_t>(std::ranges::max_element(p) - p.begin());
    tokens.emplace_back(Json::Object{{"index", Json(static_cast<std::int64_t>(i))},
                                     {"token", Json(tokenizer.token_text(text.ids[i]))},
                                     {"label", Json(class_label(config, best))},
                                     {"score", Json(p[best])}});
  }
  return Json(std::move(tokens));
}

int classify(ClassifyFlags f) {
  require(f.batch >= 1, ErrorKind::kUsage, "--batch wanted a positive number, got ", f.batch);
  const auto checkpoint = open_model(f.model);
  const Json& config = checkpoint->config();
  f.model.output = classifies_tokens(config) ? OutputKind::kTokenClasses : OutputKind::kClasses;
  const Tokenizer tokenizer = tokenizer_of(f.model, *checkpoint);
  say_remarks(tokenizer, f.model.verbose);
  const EncodeOptions options{.limit = limit_of(f, *checkpoint)};
  std::vector<Encoding> texts;
  for (const std::string& line : stdin_lines()) texts.push_back(tokenizer.encode_with_types(line, options));
  require_lines(texts);
  const std::vector<std::vector<float>> outputs = run_head(f, checkpoint, tokenizer, texts, options.limit);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const Json line = f.model.output == OutputKind::kTokenClasses
                          ? labels_of_tokens(config, tokenizer, texts[i], outputs[i])
                          : labels_of_text(config, outputs[i]);
    write_stdout(line.dump() + '\n');
  }
  return 0;
}

int rerank(ClassifyFlags f) {
  require(f.batch >= 1, ErrorKind::kUsage, "--batch wanted a positive number, got ", f.batch);
  f.model.output = OutputKind::kClasses;
  const auto checkpoint = open_model(f.model);
  const Tokenizer tokenizer = tokenizer_of(f.model, *checkpoint);
  say_remarks(tokenizer, f.model.verbose);
  const ClassScores scores = pair_scores(*checkpoint);
  const EncodeOptions options{.limit = limit_of(f, *checkpoint)};
  const std::vector<std::string> lines = stdin_lines();
  std::vector<Encoding> texts;
  for (const std::string& line : lines) texts.push_back(tokenizer.encode_pair(f.query, line, options));
  require_lines(texts);
  std::vector<std::pair<double, std::size_t>> ranked;
  for (const std::vector<float>& row : run_head(f, checkpoint, tokenizer, texts, options.limit)) {
    require(row.size() == 1, ErrorKind::kUnsupported, "rerank wanted a model with one class, got ", row.size());
    ranked.emplace_back(apply_scores(scores, row)[0], ranked.size());
  }
  std::ranges::stable_sort(ranked, [](const auto& a, const auto& b) { return a.first > b.first; });
  for (const auto& [score, index] : ranked) {
    Json line{Json::Object{}};
    line.set("index", Json(static_cast<std::int64_t>(index)));
    line.set("score", Json(score));
    line.set("text", Json(lines[index]));
    write_stdout(line.dump() + '\n');
  }
  return 0;
}

}  // namespace

void add_classify(Arguments& arguments, std::span<const Family> families) {
  auto f = std::make_shared<ClassifyFlags>();
  Command c = arguments.command(
      "classify", "Labels of the lines of standard input, or of their tokens, with their probabilities, as JSON",
      "Example: echo \"What a film!\" | ttt classify -m DIRECTORY", [f] { return classify(*f); });
  add_model_options(c, f->model, families);
  c.option("--batch", f->batch, "texts of one step, at most", Option::kShowsDefault);
}

void add_rerank(Arguments& arguments, std::span<const Family> families) {
  auto f = std::make_shared<ClassifyFlags>();
  Command c = arguments.command(
      "rerank", "The lines of standard input by how well they answer a query, best first, as JSON",
      "Example: ttt rerank -m DIRECTORY --query \"Who wrote it?\" < passages.txt", [f] { return rerank(*f); });
  add_model_options(c, f->model, families);
  c.option("--query", f->query, "what the lines are compared with", Option::kRequired);
  c.option("--batch", f->batch, "texts of one step, at most", Option::kShowsDefault);
}

}  // namespace ttt::app
