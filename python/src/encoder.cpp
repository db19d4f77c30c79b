#include "python/src/encoder.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "base/error.h"
#include "python/src/outputs.h"
#include "runtime/class_scores.h"
#include "runtime/embedder.h"
#include "runtime/load_tokenizer.h"

namespace ttt::python {
namespace {

void require_output(const PyModel& m, OutputKind kind, std::string_view what) {
  const OutputKind has = m.model().output();
  require(has == kind, ErrorKind::kUnsupported, what, " wanted a model whose output is ", name_of(kind), ", got ",
          name_of(has), "; Model(..., output=\"", name_of(kind), "\") loads it so where it can");
}

TextLimit limit_of(const PyModel& m) {
  TextLimit limit = read_text_limit(m.checkpoint());
  limit.ids = limit.ids == 0 ? m.context() : std::min(limit.ids, m.context());
  return limit;
}

void require_rows(const PyModel& m, const Tokenizer& tokenizer, const Encoding& text) {
  for (const std::int32_t id : text.ids) {
    require(id < m.model().vocab_size(), ErrorKind::kBadData, "the text holds token ", id, " ",
            Json(tokenizer.token_text(id)).dump(), ", which the model does not know: vocab_size is ",
            m.model().vocab_size());
  }
}

}  // namespace

OwnedFloats embed(PyModel& m, const std::vector<std::string>& texts, std::int64_t batch, std::int64_t& width) {
  require_output(m, OutputKind::kHiddenStates, "embed");
  require(batch >= 1, ErrorKind::kUsage, "batch wanted a positive number, got ", batch);
  const EmbeddingModules modules = read_embedding_modules(m.checkpoint());
  const Tokenizer& tokenizer = m.tokenizer();
  TextLimit limit = limit_of(m);
  if (modules.max_rows > 0) limit.ids = std::min(modules.max_rows, m.context());
  std::vector<Encoding> encoded;
  std::int64_t longest = 1;
  for (const std::string& text : texts) {
    encoded.push_back(tokenizer.encode_with_types(modules.prompt + text, {.limit = limit}));
    require_rows(m, tokenizer, encoded.back());
    longest = std::max(longest, std::ssize(encoded.back().ids));
  }
  // Several short texts make a step worth its while.
  constexpr std::int64_t kStepRows = 256;
  const auto round = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(longest)));
  const std::int64_t rows = std::max(longest, std::min(m.context(), std::max(round, kStepRows)));
  const Lease lease = m.whole_runner(batch, rows);
  Embedder embedder(*lease, m.threads(), modules);
  width = embedder.width();
  return OwnedFloats(embedder.embed(encoded));
}

std::vector<std::vector<double>> classify(PyModel& m, const std::vector<TextPair>& texts) {
  require_output(m, OutputKind::kClasses, "classify");
  const Tokenizer& tokenizer = m.tokenizer();
  const EncodeOptions options{.limit = limit_of(m)};
  std::vector<Encoding> encoded;
  std::vector<OutputRequest> requests;
  encoded.reserve(texts.size());
  for (const TextPair& text : texts) {
    encoded.push_back(text.second ? tokenizer.encode_pair(text.first, *text.second, options)
                                  : tokenizer.encode_with_types(text.first, options));
    require_rows(m, tokenizer, encoded.back());
    requests.push_back({.ids = encoded.back().ids, .types = types_for(m.model(), encoded.back()), .last = 1});
  }
  OwnedFloats outputs = outputs_of(m, requests);
  const auto classes = static_cast<std::size_t>(m.model().output_size());
  const ClassScores of_text = class_scores(m.checkpoint().config(), m.model().output_size());
  std::vector<std::vector<double>> scores;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const ClassScores how = texts[i].second && classes == 1 ? pair_scores(m.checkpoint()) : of_text;
    scores.push_back(apply_scores(how, outputs.span().subspan(i * classes, classes)));
  }
  return scores;
}

std::vector<std::string> labels_of(PyModel& m) {
  require_output(m, OutputKind::kClasses, "labels");
  std::vector<std::string> labels;
  for (std::int64_t i = 0; i < m.model().output_size(); ++i) {
    labels.push_back(class_label(m.checkpoint().config(), static_cast<std::size_t>(i)));
  }
  return labels;
}

}  // namespace ttt::python
