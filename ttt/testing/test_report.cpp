#include "testing/test_report.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace ttt::testing {
namespace {

Json number_or_null(const std::optional<double>& v) { return v ? Json(*v) : Json(); }

Json strings(const std::vector<std::string>& all) { return Json(Json::Array(all.begin(), all.end())); }

}  // namespace

std::string short_number(double v) {
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, v, std::chars_format::general, 4);
  return {buffer, end.ptr};
}

std::string short_number(const std::optional<double>& v) { return v ? short_number(*v) : "-"; }

std::string aligned(const std::vector<std::vector<std::string>>& rows, std::size_t left) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string s;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - row[i].size(), ' ');
      line += (i == 0 ? "" : "  ") + (i < left ? row[i] + space : space + row[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    s += line + "\n";
  }
  return s;
}

bool SuiteReport::passed() const {
  return !cases.empty() && std::ranges::all_of(cases, [](const CaseReport& c) { return c.passed(); });
}

std::string SuiteReport::table() const {
  std::vector<std::vector<std::string>> rows{{"case", "max error", "relative", "PCC", "cosine", "ms", "result"}};
  for (const CaseReport& c : cases) {
    rows.push_back({c.path, short_number(c.max_abs_error), short_number(c.max_relative_error), short_number(c.pcc),
                    short_number(c.cosine), short_number(c.latency_ms), c.passed() ? "passed" : "FAILED"});
  }
  std::string s = aligned(rows);
  for (const CaseReport& c : cases) {
    for (const std::string& failure : c.failures) s += text(c.path, ": ", failure, "\n");
  }
  const auto passing = std::ranges::count_if(cases, [](const CaseReport& c) { return c.passed(); });
  s += text(name, ": ", passing, " of ", cases.size(), " cases passed\n");
  if (cases.empty()) s += text(name, ": a suite without cases fails\n");
  return s;
}

Json SuiteReport::json() const {
  Json::Array all;
  for (const CaseReport& c : cases) {
    all.emplace_back(Json::Object{{"path", c.path},
                                  {"passed", c.passed()},
                                  {"expectations", strings(c.expectations)},
                                  {"failures", strings(c.failures)},
                                  {"max_abs_error", number_or_null(c.max_abs_error)},
                                  {"max_relative_error", number_or_null(c.max_relative_error)},
                                  {"pcc", number_or_null(c.pcc)},
                                  {"cosine", number_or_null(c.cosine)},
                                  {"latency_ms", number_or_null(c.latency_ms)}});
  }
  return Json(Json::Object{{"suite", name}, {"passed", passed()}, {"cases", std::move(all)}});
}

std::ostream& operator<<(std::ostream& out, const SuiteReport& report) { return out << report.table(); }

}  // namespace ttt::testing
