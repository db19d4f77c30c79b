#include "families/grid.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "collectives/threads.h"
#include "families/family_case.h"
#include "testing/metrics.h"

namespace ttt::family_tests {
namespace {

using support::TestModel;

// The relative error that a format adds to a value, as a root of the mean of squares over normally distributed values:
// half a unit of 8 bits of mantissa; steps of a group's largest value / 127; steps of 2^-6 of the power of two below
// it, of which 16 values share one.
double error_of(Format format) {
  if (format == Format::kBF16) return 0.0017;
  if (format == Format::kInt8) return 0.006;
  if (format == Format::kBfp8B) return 0.008;
  return 0;
}

// The largest error of a row's logits, in parts of the root of their mean square, that rounding explains. Errors of
// products are independent: each layer has seven of them, with a rounded weight and an input rounded as finely, and
// reads its keys and its values; what follows neither damps nor raises them by more than the factor, found with weights
// that have no redundancy. (A wrong rank, page or scale is off by 1.)
double tolerance(const Outcome& o, std::int64_t layers) {
  constexpr double kFactor = 4;
  const double weights = error_of(o.weights), state = error_of(o.state);
  const double n = static_cast<double>(layers);
  return kFactor * std::sqrt((7 * n + 1) * 2 * weights * weights + 2 * n * state * state);
}

// Of each row: the root of the mean square of the differences in that of the values.
std::vector<double> row_errors(std::span<const float> wanted, std::span<const float> got, std::int64_t vocab) {
  std::vector<double> errors;
  for (std::size_t begin = 0; begin < wanted.size(); begin += static_cast<std::size_t>(vocab)) {
    double difference = 0, size = 0;
    for (std::size_t i = begin; i < begin + static_cast<std::size_t>(vocab); ++i) {
      const double w = static_cast<double>(wanted[i]), d = static_cast<double>(got[i]) - w;
      difference += d * d;
      size += w * w;
    }
    errors.push_back(std::sqrt(difference / size));
  }
  return errors;
}

struct Logits {
  std::array<std::vector<float>, kPageRows.size()> of_pages;
  std::int64_t layers = 0;
  bool routed = false;
};

// What one rank computes: nine rows of the short prompt at once, the rest one by one.
Logits run_rank(const FamilyCase& c, const Outcome& o, Communicator& communicator) {
  TestModel m(c.directory, {.weight_format = o.weights, .state_format = o.state}, kShort, 1, communicator);
  Logits logits;
  for (const BlockRecord& b : m.loaded().tree().blocks) {
    logits.layers += b.state_slot ? 1 : 0;
    logits.routed = logits.routed || b.block == "MoE";
  }
  for (std::size_t p = 0; p < kPageRows.size(); ++p) {
    logits.of_pages[p] = m.logits(std::span(c.ids).first(kShort), 9, 9, kPageRows[p]);
  }
  return logits;
}

std::string verdict(const FamilyCase& c, const Outcome& o, const Logits& logits, std::size_t pages) {
  const std::vector<float>& got = logits.of_pages[pages];
  const auto finite = [](float v) { return std::isfinite(v); };
  if (!std::ranges::all_of(got, finite)) return "logits are not finite";
  if (o.weights == Format::kF32 && o.state == Format::kF32) {
    const double error = max_abs_error(c.short_logits(), got) / c.range();
    return error < kTolerance ? std::string() : text("differs from the reference by ", error, " of the range");
  }
  std::vector<double> errors = row_errors(c.short_logits(), got, c.vocab);
  // A router that chooses another expert moves a row by more than rounding does; few rows have a choice that is close.
  std::ranges::sort(errors);
  const double error = logits.routed ? errors[errors.size() / 2] : errors.back();
  const double most = tolerance(o, logits.layers);
  return error < most ? std::string() : text("differs from the reference by ", error, ", rounding explains ", most);
}

// The same text wherever the repository lies.
std::string without_path(std::string message, const std::string& path) {
  const std::size_t at = message.find(path);
  return at == std::string::npos ? message : message.erase(at, path.size());
}

void run_combination(const FamilyCase& c, Outcome o, std::vector<Outcome>& outcomes) {
  std::vector<Logits> ranks(static_cast<std::size_t>(o.ranks));
  std::string refused, failed;
  try {
    run_ranks(o.ranks, [&](std::int64_t rank, Communicator& communicator) {
      ranks[static_cast<std::size_t>(rank)] = run_rank(c, o, communicator);
    });
  } catch (const Error& e) {
    const bool refusal = e.kind() == ErrorKind::kUnsupported || e.kind() == ErrorKind::kUsage;
    (refusal ? refused : failed) = without_path(e.what(), c.directory.string() + "/");
  }
  for (std::size_t p = 0; p < kPageRows.size(); ++p) {
    o.page_rows = kPageRows[p];
    o.refused = refused;
    o.failed = failed;
    if (refused.empty() && failed.empty()) {
      o.failed = verdict(c, o, ranks[0], p);
      for (const Logits& other : ranks) {
        if (other.of_pages[p] != ranks[0].of_pages[p]) o.failed = "ranks have different logits";
      }
    }
    outcomes.push_back(o);
  }
}

CaseReport make_report(const std::string& name) {
  const FamilyCase c = read_case(name);
  CaseReport report{.name = name};
  for (const Format weights : kWeights) {
    for (const Format state : kStates) {
      for (const std::int64_t ranks : kRanks) {
        run_combination(c, {.weights = weights, .state = state, .ranks = ranks}, report.outcomes);
      }
    }
  }
  return report;
}

std::string cell(const CaseReport& r, Format weights, Format state) {
  std::string s;
  for (const std::int64_t ranks : kRanks) {
    const bool works = std::ranges::all_of(r.outcomes, [&](const Outcome& o) {
      return o.weights != weights || o.state != state || o.ranks != ranks || (o.refused.empty() && o.failed.empty());
    });
    if (works) s += text(s.empty() ? "" : ", ", ranks);
  }
  return s.empty() ? "none" : s;
}

constexpr std::string_view kHead = R"(
Generated like the rest of this page, by the test `test_families` (`TTT_WRITE_COMPATIBILITY=1` makes it write what it found; without,
it fails where the page is out of date). A row is a tiny random checkpoint of
`tests/golden/families`, whose options `tools/family_variants` says. Each runs with weights in f32, int8 and bfp8_b, with state
in f32, bf16 and int8, on 1, 2 and 4 ranks, with contiguous and with paged state, a part of the prompt at once and the rest
token by token. A cell holds the numbers of ranks on which both layouts of state give the logits of
transformers: within 1e-4 of their range in f32, else within what the rounding of the formats explains; and all ranks the same
bits. What does not work is refused when the model is built; the last column points to the text.

)";

}  // namespace

const CaseReport& run_grid(const std::string& case_name) {
  static std::map<std::string, CaseReport> reports;
  const auto found = reports.find(case_name);
  return found != reports.end() ? found->second : reports.emplace(case_name, make_report(case_name)).first->second;
}

std::string section(const std::vector<CaseReport>& reports) {
  std::string page = text("\n", kSectionTitle, "\n", kHead, "| checkpoint");
  for (const Format weights : kWeights) {
    for (const Format state : kStates) page += text(" | ", name_of(weights), ", state ", name_of(state));
  }
  page += " | refused |\n|---|---";
  for (std::size_t i = 0; i < kWeights.size() * kStates.size(); ++i) page += "|---";
  page += "|\n";
  std::vector<std::string> notes;
  for (const CaseReport& r : reports) {
    page += "| " + r.name;
    for (const Format weights : kWeights) {
      for (const Format state : kStates) page += " | " + cell(r, weights, state);
    }
    page += " |";
    std::set<std::string> refusals;
    for (const Outcome& o : r.outcomes) {
      if (!o.refused.empty() && refusals.insert(o.refused).second) {
        notes.push_back(text(r.name, ": `", o.refused, "`"));
        page += text(" [f", notes.size(), "]");
      }
    }
    page += " |\n";
  }
  if (!notes.empty()) page += "\n";
  for (std::size_t i = 0; i < notes.size(); ++i) page += text("- f", i + 1, ": ", notes[i], "\n");
  return page;
}

}  // namespace ttt::family_tests
