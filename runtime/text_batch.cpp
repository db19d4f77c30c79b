#include "runtime/text_batch.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

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

std::vector<float> classes_of(Runner& runner, std::span<const Encoding> texts) {
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

}  // namespace ttt
