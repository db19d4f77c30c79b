#pragma once

#include <cstddef>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "base/json.h"

namespace ttt::testing {

// How one case ended.
struct CaseReport {
  std::string path = {};
  std::vector<std::string> expectations = {};  // "close(atol 1e-05, rtol 0)", ...
  std::vector<std::string> failures = {};      // why it failed; empty: it passed
  // Against the reference, where there is one.
  std::optional<double> max_abs_error = {}, max_relative_error = {}, pcc = {}, cosine = {};
  std::optional<double> latency_ms = {};  // at the percentile that was expected
  bool passed() const { return failures.empty(); }
};

// How a suite ended. A suite without cases has failed.
struct SuiteReport {
  std::string name = {};
  std::vector<CaseReport> cases = {};

  bool passed() const;
  int status() const { return passed() ? 0 : 1; }  // for main to return
  std::string table() const;                       // one line per case, then every failure
  Json json() const;
};

// Makes EXPECT_TRUE(report.passed()) << report; show the table.
std::ostream& operator<<(std::ostream& out, const SuiteReport& report);

// Four digits, as short as they can be written.
std::string short_number(double v);
std::string short_number(const std::optional<double>& v);  // "-" for none

// Columns as wide as their widest cell, two spaces apart; the first `left` are aligned left, the others right.
std::string aligned(const std::vector<std::vector<std::string>>& rows, std::size_t left = 1);

}  // namespace ttt::testing
