#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "testing/block_runner.h"
#include "testing/reference.h"
#include "testing/test_report.h"
#include "testing/values.h"

// Cases for blocks: an input, a reference for the output, and expectations. docs/testing.md
//
// In files of namespace ttt that include this header, GoogleTest's own namespace is ::testing.
namespace ttt::testing {

// y of an input, computed in another way: values row by row, as the block writes them.
using Reference = std::function<std::vector<float>(const Values& x)>;
// A formula for one row, applied to every row.
Reference by_row(std::function<reference::Row(const reference::Row&)> formula);

struct PerfRuns {
  std::int64_t warm_up = 3;  // not counted
  std::int64_t counted = 20;
};

class Case {
 public:
  // Rows that begin a new sequence.
  Case& input(Values x);
  // Rows of another sequence, for blocks that read one.
  Case& source(Values rows);

  // The reference for the output; the last call counts.
  Case& against(Reference reference);
  Case& against(Values recorded);
  Case& against(Strategy strategy);  // the same block built by another strategy: cases of block_case only

  // |y - reference| <= atol + rtol * |reference| for every value; NaN never is.
  Case& expect_close(double atol, double rtol = 0);
  // Pearson's correlation with the reference.
  Case& expect_pcc(double minimum);
  // `percentile` per cent of the counted runs take at most this time (nearest rank).
  Case& expect_perf(std::chrono::nanoseconds latency, double percentile = 50, PerfRuns runs = {});

  Case& threads(std::int64_t count);  // default: 1

 private:
  friend class TestSuite;
  struct Close {
    double atol, rtol;
  };
  struct Perf {
    double latency_ms, percentile;
    PerfRuns runs;
  };

  explicit Case(BlockCase block) : block_(std::move(block)) {}
  CaseReport run() const;
  void compare(const std::vector<float>& y, CaseReport& report) const;
  void check_close(const Close& close, const std::vector<float>& y, const std::vector<float>& wanted,
                   CaseReport& report) const;
  void measure(const Perf& perf, BlockRunner& runner, CaseReport& report) const;
  std::vector<float> wanted() const;

  BlockCase block_;
  std::optional<Values> input_;
  Values source_;
  std::variant<std::monostate, Reference, Values, Strategy> against_;
  std::vector<Close> close_;
  std::vector<double> pcc_;
  std::vector<Perf> perf_;
  std::int64_t threads_ = 1;
};

// Holds cases and runs them, each built when it runs. Whatever a case throws is a failure with its message, and
// so are a case that has no input or expects nothing, and a suite without cases. Nothing is printed.
class TestSuite {
 public:
  explicit TestSuite(std::string name) : name_(std::move(name)) {}

  // A block of a model, called by its path. The reference stays valid.
  Case& add(BlockCase block);
  Case& add(std::string name, BlockCase block);
  // Anything that writes rows of `width`: a lambda that calls a block's forward.
  using Function = std::function<void(Exec& exec, ConstTensorView x, TensorView y)>;
  Case& add(std::string name, std::int64_t width, Function function);

  SuiteReport run() const;

 private:
  std::string name_;
  std::deque<Case> cases_;
};

}  // namespace ttt::testing
