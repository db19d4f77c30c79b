#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "python/src/arrays.h"
#include "python/src/model.h"
#include "runtime/generate.h"

namespace ttt::python {

// The rows of one sequence that Python goes on with step by step. Forks share its runner.
class PySequence {
 public:
  // `forks`: how many more may be alive at the same time.
  PySequence(std::shared_ptr<PyModel> model, std::int64_t forks);

  // Adds ids; the outputs of the rows from first_wanted on.
  OwnedFloats extend(std::span<const std::int32_t> ids, std::int64_t first_wanted);
  std::unique_ptr<PySequence> fork();
  void truncate(std::int64_t length);
  std::int64_t length() const { return sequence_.length(); }
  PyModel& model() const { return *model_; }

 private:
  PySequence() = default;
  std::shared_ptr<PyModel> model_;
  std::shared_ptr<Lease> lease_;
  Sequence sequence_;
};

}  // namespace ttt::python
