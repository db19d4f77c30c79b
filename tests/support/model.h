#pragma once

// A loaded checkpoint with what is needed to run it, for tests of whole models.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "collectives/self.h"
#include "models/families.h"
#include "runtime/runner.h"

namespace ttt::support {

class TestModel {
 public:
  TestModel(const std::filesystem::path& path, LoadOptions options, std::int64_t context, std::int64_t threads = 2,
            Communicator& communicator = self_communicator(), std::span<const Family> known = families())
      : threads_(threads), communicator_(communicator) {
    options.context = context;
    if (options.traits.available_bytes == 0) options.traits = query_device_traits();
    options.rank = communicator.rank();
    options.ranks = communicator.ranks();
    model_ = load_model(open_checkpoint(path, gguf_spellings(known)), known, options);
  }

  LoadedModel& loaded() { return model_; }
  ThreadPool& threads() { return threads_; }

  Runner runner(std::int64_t chunk, std::int64_t wanted, std::int64_t sequences = 1, std::int64_t page_rows = 0) {
    return runner(chunk, wanted, sequences, page_rows, observer_);
  }
  // With an observer that outlives the runner.
  Runner runner(std::int64_t chunk, std::int64_t wanted, std::int64_t sequences, std::int64_t page_rows,
                Observer& observer) {
    return Runner(model_.built, threads_, communicator_, observer,
                  {.sequences = sequences,
                   .context = model_.built.context,
                   .page_rows = page_rows,
                   .chunk = chunk,
                   .wanted = wanted});
  }

  // Logits of all tokens [ids, vocab]: the first `prefill` in chunks, the rest one by one.
  std::vector<float> logits(std::span<const std::int32_t> ids, std::int64_t prefill, std::int64_t chunk,
                            std::int64_t page_rows = 0) {
    Runner r = runner(chunk, chunk, 1, page_rows);
    Sequence sequence = r.create();
    std::vector<float> all;
    const auto take = [&](std::int64_t, std::span<const float> rows) {
      all.insert(all.end(), rows.begin(), rows.end());
    };
    if (prefill > 0) r.extend(sequence, ids.first(static_cast<std::size_t>(prefill)), 0, take);
    for (std::size_t i = static_cast<std::size_t>(prefill); i < ids.size(); ++i)
      r.extend(sequence, ids.subspan(i, 1), 0, take);
    return all;
  }

 private:
  ThreadPool threads_;
  Communicator& communicator_;
  NoObserver observer_;
  LoadedModel model_;
};

// A directory that goes away with the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::random_device random;
    path_ =
        std::filesystem::temp_directory_path() / ("ttt_test_" + std::to_string(random()) + std::to_string(random()));
    std::filesystem::create_directories(path_);
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace ttt::support
