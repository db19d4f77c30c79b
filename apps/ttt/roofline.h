#pragma once

#include <string>
#include <vector>

#include "bench/machine_peak/machine_peak.h"

namespace ttt::app {

// A measured phase in a roofline diagram.
struct RooflinePoint {
  std::string series;  // points of one series have one colour: the format
  std::string label;   // "decode, batch 4, context 8192"
  bool prefill = false;
  double operations_per_byte = 0, operations_per_second = 0;
  double share = 0;  // of the limit of the point's own arithmetic at its operations per byte
};

// The limits of a machine over operations per byte, on logarithmic scales, and what was measured below them.
struct Roofline {
  std::string title, machine;
  bench::MachinePeak peak;
  std::vector<RooflinePoint> points;
};

// An SVG document, to be read in light and in dark.
std::string roofline_svg(const Roofline& roofline);
// Lines of at most 80 columns, all ASCII but for what labels hold.
std::string roofline_text(const Roofline& roofline);

// The parts of both pictures.

// A level line that ends the slope of the bandwidth. Arithmetics that are equally fast share one: "f32, bf16".
struct Ceiling {
  std::string name;
  double operations_per_second = 0;
};
std::vector<Ceiling> ceilings_of(const bench::MachinePeak& peak);  // the lowest first

// Logarithms to the base 10 of what the picture shows.
struct RooflineRange {
  double left = 0, right = 0, bottom = 0, top = 0;
};
RooflineRange range_of(const Roofline& roofline);

std::string rate(double per_second, const char* unit);  // "1.07 T" and the unit
std::string short_number(double value);                 // three digits: "0.012", "4.00", "512"

}  // namespace ttt::app
