#pragma once

#include <span>
#include <string>

#include "runtime/load.h"
#include "runtime/verify/block_kinds.h"
#include "testing/block_runner.h"

namespace ttt {

// The block of a loaded model at `path` as a case for ttt::testing::TestSuite (docs/testing.md), from what was recorded
// when it was built: its Spec, the names of its weights, and the ImplConfig of the model's strategy, or of another
// strategy that the case names. `model` was loaded with `load` and must outlive the suite. Error{kUsage} when
// the model has no block of that path; Error{kUnsupported} for a type of block that `kinds` lacks.
testing::BlockCase block_case(const LoadedModel& model, std::span<const Family> families, const LoadOptions& load,
                              const std::string& path, std::span<const BlockKind> kinds = block_kinds());

}  // namespace ttt
