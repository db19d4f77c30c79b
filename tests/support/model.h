#pragma once

// A loaded checkpoint with what is needed to run it, for tests of whole models.

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "collectives/self.h"
#include "models/families.h"
#include "runtime/runner.h"

namespace ttt::support {

class TestModel {
 public:
  TestModel(const std::filesystem::path& path, LoadOptions options, std::int64_t context, std::int64_t threads = 2,
            Communicator& communicator = self_communicator(), std::span<const Family> known = families());

  LoadedModel& loaded() { return model_; }
  ThreadPool& threads() { return threads_; }

  Runner runner(std::int64_t chunk, std::int64_t wanted, std::int64_t sequences = 1, std::int64_t page_rows = 0);
  // With an observer that outlives the runner.
  Runner runner(std::int64_t chunk, std::int64_t wanted, std::int64_t sequences, std::int64_t page_rows,
                Observer& observer);

  // Logits of all tokens [ids, vocab]: the first `prefill` in chunks, the rest one by one.
  std::vector<float> logits(std::span<const std::int32_t> ids, std::int64_t prefill, std::int64_t chunk,
                            std::int64_t page_rows = 0);

 private:
  ThreadPool threads_;
  Communicator& communicator_;
  NoObserver observer_;
  LoadedModel model_;
};

// A directory that goes away with the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace ttt::support
