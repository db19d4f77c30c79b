#include "support/model.h"

#include <random>
#include <string>
#include <system_error>

namespace ttt::support {

TestModel::TestModel(const std::filesystem::path& path, LoadOptions options, std::int64_t context, std::int64_t threads,
                     Communicator& communicator, std::span<const Family> known)
    : threads_(threads), communicator_(communicator) {
  options.context = context;
  if (options.traits.available_bytes == 0) options.traits = query_device_traits();
  options.rank = communicator.rank();
  options.ranks = communicator.ranks();
  model_ = load_model(open_checkpoint(path, gguf_spellings(known)), known, options);
}

Runner TestModel::runner(std::int64_t chunk, std::int64_t wanted, std::int64_t sequences, std::int64_t page_rows) {
  return runner(chunk, wanted, sequences, page_rows, observer_);
}

Runner TestModel::runner(std::int64_t chunk, std::int64_t wanted, std::int64_t sequences, std::int64_t page_rows,
                         Observer& observer) {
  return Runner(model_.built, threads_, communicator_, observer,
                {.sequences = sequences,
                 .context = model_.built.context,
                 .page_rows = page_rows,
                 .chunk = chunk,
                 .wanted = wanted});
}

std::vector<float> TestModel::logits(std::span<const std::int32_t> ids, std::int64_t prefill, std::int64_t chunk,
                                     std::int64_t page_rows) {
  Runner r = runner(chunk, chunk, 1, page_rows);
  Sequence sequence = r.create();
  std::vector<float> all;
  const auto take = [&](std::int64_t, std::span<const float> rows) { all.insert(all.end(), rows.begin(), rows.end()); };
  if (prefill > 0) r.extend(sequence, ids.first(static_cast<std::size_t>(prefill)), 0, take);
  for (std::size_t i = static_cast<std::size_t>(prefill); i < ids.size(); ++i) {
    r.extend(sequence, ids.subspan(i, 1), 0, take);
  }
  return all;
}

TemporaryDirectory::TemporaryDirectory() {
  std::random_device random;
  path_ = std::filesystem::temp_directory_path() / ("ttt_test_" + std::to_string(random()) + std::to_string(random()));
  std::filesystem::create_directories(path_);
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace ttt::support
