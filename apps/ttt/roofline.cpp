#include "apps/ttt/roofline.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace ttt::app {
namespace {

std::string formatted(const char* pattern, double value) {
  char s[64];
  std::snprintf(s, sizeof s, pattern, value);
  return s;
}

}  // namespace

std::string short_number(double value) {
  if (value >= 99.95) return formatted("%.0f", value);
  if (value >= 9.995) return formatted("%.1f", value);
  return formatted(value >= 0.0995 ? "%.2f" : "%.3f", value);
}

std::string rate(double per_second, const char* unit) {
  constexpr std::pair<double, const char*> kPrefixes[] = {{1e15, "P"}, {1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
  for (const auto& [factor, prefix] : kPrefixes) {
    if (per_second >= 0.9995 * factor) return short_number(per_second / factor) + " " + prefix + unit;
  }
  return short_number(per_second) + " " + unit;
}

std::vector<Ceiling> ceilings_of(const bench::MachinePeak& peak) {
  constexpr double kSame = 1.03;  // two measurements of one arithmetic differ by less
  std::vector<Ceiling> all{{"f32", peak.f32}, {"bf16", peak.bf16}, {"int8", peak.int8}};
  std::ranges::stable_sort(all, {}, &Ceiling::operations_per_second);
  std::vector<Ceiling> ceilings;
  for (const Ceiling& c : all) {
    if (!ceilings.empty() && c.operations_per_second < kSame * ceilings.back().operations_per_second) {
      ceilings.back().name += ", " + c.name;
      ceilings.back().operations_per_second = c.operations_per_second;
    } else {
      ceilings.push_back(c);
    }
  }
  return ceilings;
}

RooflineRange range_of(const Roofline& r) {
  const double top = std::max({r.peak.f32, r.peak.bf16, r.peak.int8});
  const double ridge = top / r.peak.read_bandwidth;
  double left = ridge / 10, right = ridge * 4, bottom = std::min({r.peak.f32, r.peak.bf16, r.peak.int8}) / 4;
  for (const RooflinePoint& p : r.points) {
    left = std::min(left, p.operations_per_byte / 1.6);
    right = std::max(right, p.operations_per_byte * 1.6);
    bottom = std::min(bottom, p.operations_per_second / 1.6);
  }
  bottom = std::min(bottom, std::max(left * r.peak.read_bandwidth, bottom / 10));
  return {std::log10(left), std::log10(right), std::log10(bottom), std::log10(top * 1.6)};
}

}  // namespace ttt::app
