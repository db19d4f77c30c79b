#include "testing/test_suite.h"

#include <algorithm>
#include <cmath>
#include <exception>

#include "base/error.h"
#include "testing/metrics.h"

namespace ttt::testing {

Reference by_row(std::function<reference::Row(const reference::Row&)> formula) {
  return [formula = std::move(formula)](const Values& x) {
    std::vector<float> y;
    for (std::int64_t r = 0; r < x.rows(); ++r) {
      const auto begin = x.data.begin() + r * x.width;
      for (const double v : formula({begin, begin + x.width})) y.push_back(static_cast<float>(v));
    }
    return y;
  };
}

Case& Case::input(Values x) {
  input_ = std::move(x);
  return *this;
}

Case& Case::source(Values rows) {
  source_ = std::move(rows);
  return *this;
}

Case& Case::against(Reference reference) {
  against_ = std::move(reference);
  return *this;
}

Case& Case::against(Values recorded) {
  against_ = std::move(recorded);
  return *this;
}

Case& Case::against(Strategy strategy) {
  against_ = strategy;
  return *this;
}

Case& Case::expect_close(double atol, double rtol) {
  close_.push_back({atol, rtol});
  return *this;
}

Case& Case::expect_pcc(double minimum) {
  pcc_.push_back(minimum);
  return *this;
}

Case& Case::expect_perf(std::chrono::nanoseconds latency, double percentile, PerfRuns runs) {
  perf_.push_back({std::chrono::duration<double, std::milli>(latency).count(), percentile, runs});
  return *this;
}

Case& Case::threads(std::int64_t count) {
  threads_ = count;
  return *this;
}

std::vector<float> Case::wanted() const {
  if (const auto* reference = std::get_if<Reference>(&against_)) return (*reference)(*input_);
  if (const auto* recorded = std::get_if<Values>(&against_)) return recorded->data;
  const auto* strategy = std::get_if<Strategy>(&against_);
  require(strategy != nullptr, ErrorKind::kUsage,
          "a comparison is expected, but with what was not said: against(...) is missing");
  return BlockRunner(block_.build(*strategy), *input_, threads_, source_).run();
}

void Case::check_close(const Close& close, const std::vector<float>& y, const std::vector<float>& wanted,
                       CaseReport& report) const {
  std::size_t off = 0, worst = 0;
  double most = -1;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double error = y[i] == wanted[i] ? 0 : std::fabs(double{y[i]} - double{wanted[i]});
    if (error <= close.atol + close.rtol * std::fabs(double{wanted[i]})) continue;
    ++off;
    const double rank = std::isnan(error) ? HUGE_VAL : error;
    if (rank > most) {
      most = rank;
      worst = i;
    }
  }
  if (off == 0) return;
  const std::size_t width = y.size() / static_cast<std::size_t>(input_->rows());
  report.failures.push_back(text(report.expectations.back(), ": ", off, " of ", y.size(),
                                 " values are off, the worst at row ", worst / width, " column ", worst % width,
                                 ": wanted ", wanted[worst], ", got ", y[worst]));
}

void Case::compare(const std::vector<float>& y, CaseReport& report) const {
  const std::vector<float> wanted = this->wanted();
  require(wanted.size() == y.size(), ErrorKind::kUsage, "the reference wanted ", y.size(),
          " values as the output has, got ", wanted.size());
  report.max_abs_error = max_abs_error(wanted, y);
  report.max_relative_error = max_relative_error(wanted, y);
  report.pcc = pcc(wanted, y);
  report.cosine = cosine(wanted, y);
  for (const Close& close : close_) {
    report.expectations.push_back(
        text("close(atol ", short_number(close.atol), ", rtol ", short_number(close.rtol), ")"));
    check_close(close, y, wanted, report);
  }
  for (const double minimum : pcc_) {
    report.expectations.push_back(text("pcc(", minimum, ")"));
    if (!(*report.pcc >= minimum)) {
      report.failures.push_back(text(report.expectations.back(), ": got ", *report.pcc));
    }
  }
}

void Case::measure(const Perf& perf, BlockRunner& runner, CaseReport& report) const {
  report.expectations.push_back(
      text("perf(", short_number(perf.latency_ms), " ms at ", short_number(perf.percentile), " %)"));
  require(perf.percentile > 0 && perf.percentile <= 100 && perf.runs.counted > 0 && perf.runs.warm_up >= 0,
          ErrorKind::kUsage, report.expectations.back(),
          " wanted a percentile in (0, 100] and at least one counted run");
  for (std::int64_t i = 0; i < perf.runs.warm_up; ++i) runner.run();
  std::vector<double> ms;
  for (std::int64_t i = 0; i < perf.runs.counted; ++i) {
    runner.run();
    ms.push_back(runner.seconds() * 1e3);
  }
  std::ranges::sort(ms);
  const auto rank = static_cast<std::size_t>(std::ceil(perf.percentile / 100 * static_cast<double>(ms.size())));
  const double latency = ms[std::clamp<std::size_t>(rank, 1, ms.size()) - 1];
  report.latency_ms = latency;
  if (latency > perf.latency_ms) {
    report.failures.push_back(text(report.expectations.back(), ": got ", short_number(latency), " ms"));
  }
}

CaseReport Case::run() const {
  CaseReport report{.path = block_.path};
  try {
    require(input_.has_value(), ErrorKind::kUsage, "the case has no input");
    const bool compares = !close_.empty() || !pcc_.empty();
    require(compares || !perf_.empty(), ErrorKind::kUsage, "the case expects nothing");
    BlockRunner runner(block_.build(std::nullopt), *input_, threads_, source_);
    const std::vector<float> y = runner.run();
    if (compares) compare(y, report);
    for (const Perf& perf : perf_) measure(perf, runner, report);
  } catch (const std::exception& e) {
    report.failures.push_back(text("threw: ", e.what()));
  }
  return report;
}

Case& TestSuite::add(BlockCase block) { return cases_.emplace_back(Case(std::move(block))); }

Case& TestSuite::add(std::string name, BlockCase block) {
  block.path = std::move(name);
  return add(std::move(block));
}

Case& TestSuite::add(std::string name, std::int64_t width, Function function) {
  return add(
      {.path = std::move(name), .build = [width, function = std::move(function)](std::optional<Strategy> strategy) {
         require(!strategy, ErrorKind::kUsage,
                 "another strategy is known for blocks of block_case only; this case is a function");
         return Subject{
             .forward = [function](Exec& exec, const Step&, ConstTensorView x, TensorView y) { function(exec, x, y); },
             .width = width};
       }});
}

SuiteReport TestSuite::run() const {
  SuiteReport report{.name = name_};
  for (const Case& c : cases_) report.cases.push_back(c.run());
  return report;
}

}  // namespace ttt::testing
