#pragma once

// What a block that mixes rows says of a step.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/exec.h"
#include "state/step_builder.h"
#include "support/attention_case.h"

namespace ttt::support {

// The message of the error that f throws; "nothing" where it throws none.
inline std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing";
}

// Runs `block.*call`, which is its forward, prefill or decode, on rows of `hidden` values, and commits the step where
// it throws nothing.
template <class Block, class Call>
std::string said_of_step(const Block& block, Call call, Exec& exec, StepBuilder& builder,
                         std::span<const StepEntry> entries, std::int64_t hidden) {
  std::int64_t rows = 0;
  for (const StepEntry& e : entries) rows += e.rows;
  const std::vector<std::int32_t> ids(static_cast<std::size_t>(rows));
  const Step step = builder.prepare(entries, ids);
  std::vector<float> x = random_values(rows * hidden, 5), y(x.size());
  const Shape shape{rows, hidden};
  return message_of([&] {
    (block.*call)(exec, view_of(x.data(), shape), step, view_of(y.data(), shape));
    builder.commit();
  });
}

}  // namespace ttt::support
