#include "runtime/text_batch.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "runtime/generation_options.h"

namespace ttt {

std::span<const std::int32_t> types_for(const Model& model, const Encoding& text) {
  return model.token_types() > 1 ? std::span(text.types) : std::span<const std::int32_t>();
}

std::vector<std::vector<std::size_t>> batches_by_length(std::span<const Encoding> texts, const RunnerConfig& config) {
  std::vector<std::size_t> order(texts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return texts[i].ids.size(); });
  std::vector<std::vector<std::size_t>> batches;
  std::int64_t rows = 0;
  for (const std::size_t i : order) {
    const std::int64_t more = std::ssize(texts[i].ids);
    require(more >= 1 && more <= config.context, ErrorKind::kUsage, "a text wanted 1 to ", config.context,
            " tokens, got ", more);
    const bool full = !batches.empty() && std::ssize(batches.back()) == config.sequences;
    if (batches.empty() || full || rows + more > config.chunk) {
      batches.emplace_back();
      rows = 0;
    }
    batches.back().push_back(i);
    rows += more;
  }
  return batches;
}

TextBatch::TextBatch(Runner& runner, std::span<const Encoding> texts, std::span<const std::size_t> which) : begins{0} {
  sequences.reserve(which.size());
  for (const std::size_t i : which) {
    const Encoding& text = texts[i];
    sequences.push_back(runner.create());
    entries.push_back(
        {.sequence = &sequences.back(), .rows = std::ssize(text.ids), .token_types = types_for(runner.model(), text)});
    ids.insert(ids.end(), text.ids.begin(), text.ids.end());
    begins.push_back(std::ssize(ids));
  }
}

ShiftedSource shifted_source(const Checkpoint& checkpoint) {
  const Json* end = checkpoint.config().find("eos_token_id");
  require(end != nullptr && !end->is_null(), ErrorKind::kBadData, checkpoint.config_where(),
          ": eos_token_id is missing");
  const std::int64_t id = end->as_integer("eos_token_id");
  require(id >= 0 && id <= INT32_MAX, ErrorKind::kBadData, checkpoint.config_where(),
          ": eos_token_id wanted an id, got ", id);
  return {.start = decoder_start_id(checkpoint), .end = static_cast<std::int32_t>(id)};
}

namespace {

std::vector<float> classes_of_sources(Runner& runner, std::span<const Encoding> texts, const ShiftedSource& shifted) {
  std::vector<float> all;
  for (const Encoding& text : texts) {
    require(!text.ids.empty() && text.ids.back() == shifted.end, ErrorKind::kUsage,
            "a text for a decoder with classes wanted to end in id ", shifted.end, " (eos_token_id), got ",
            text.ids.empty() ? std::string("none") : ttt::text(text.ids.back()));
    std::vector<std::int32_t> ids{shifted.start};
    ids.insert(ids.end(), text.ids.begin(), text.ids.end() - 1);
    Sequence sequence = runner.create();
    runner.encode(sequence, text.ids);
    const StepEntry entry{.sequence = &sequence, .rows = std::ssize(ids)};
    const std::int64_t last = std::ssize(ids) - 1;
    const std::span<const float> classes = runner.step({&entry, 1}, ids, {&last, 1});
    all.insert(all.end(), classes.begin(), classes.end());
  }
  return all;
}

}  // namespace

std::vector<float> classes_of(Runner& runner, std::span<const Encoding> texts, const ShiftedSource& shifted) {
  if (runner.model().has_encoder()) return classes_of_sources(runner, texts, shifted);
  const auto width = static_cast<std::ptrdiff_t>(runner.output_size());
  std::vector<float> all(texts.size() * static_cast<std::size_t>(width));
  for (const std::vector<std::size_t>& which : batches_by_length(texts, runner.config())) {
    const TextBatch batch(runner, texts, which);
    const auto firsts = std::span(batch.begins).first(which.size());  // every row of a text has its classes
    const std::span<const float> rows = runner.step(batch.entries, batch.ids, firsts);
    for (std::size_t k = 0; k < which.size(); ++k) {
      std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>(k) * width, width,
                  all.begin() + static_cast<std::ptrdiff_t>(which[k]) * width);
    }
  }
  return all;
}

std::vector<std::vector<float>> token_classes_of(Runner& runner, std::span<const Encoding> texts) {
  const auto width = static_cast<std::ptrdiff_t>(runner.output_size());
  std::vector<std::vector<float>> all(texts.size());
  for (const std::vector<std::size_t>& which : batches_by_length(texts, runner.config())) {
    const TextBatch batch(runner, texts, which);
    std::vector<std::int64_t> wanted(batch.ids.size());
    std::iota(wanted.begin(), wanted.end(), std::int64_t{0});
    const std::span<const float> rows = runner.step(batch.entries, batch.ids, wanted);
    for (std::size_t k = 0; k < which.size(); ++k) {
      all[which[k]].assign(rows.begin() + batch.begins[k] * width, rows.begin() + batch.begins[k + 1] * width);
    }
  }
  return all;
}

}  // namespace ttt
