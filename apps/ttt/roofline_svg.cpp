#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "apps/ttt/roofline.h"
#include "base/error.h"
#include "base/json.h"
#include "checkpoint/printable.h"

namespace ttt::app {
namespace {

// Of the picture, in its own units. The legend is to the right of the plot.
constexpr double kLeft = 76, kTop = 64, kPlotWidth = 560, kPlotHeight = 400, kBottom = 56;
constexpr double kLegend = kLeft + kPlotWidth + 28, kLegendWidth = 410, kLine = 20;
constexpr int kColours = 8;

constexpr std::string_view kStyle =
    "<style>\n"
    "svg{color-scheme:light dark;--back:#ffffff;--ink:#1c2128;--soft:#57606a;--grid:#e4e7eb;--roof:#424a53;\n"
    "--c0:#0b62c4;--c1:#c2410c;--c2:#15803d;--c3:#9333ea;--c4:#b3156b;--c5:#0e7490;--c6:#8a6100;--c7:#5b6470}\n"
    "@media "
    "(prefers-color-scheme:dark){svg{--back:#14181d;--ink:#e6edf3;--soft:#9aa5b1;--grid:#2b323a;--roof:#b4bec9;\n"
    "--c0:#6cb2ff;--c1:#ff9b63;--c2:#5ed38a;--c3:#c99bff;--c4:#ff8ac4;--c5:#56cfe1;--c6:#e6bd4a;--c7:#a9b4c0}}\n"
    "text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:var(--ink)}\n"
    ".back{fill:var(--back)}.title{font-size:16px;font-weight:600}.soft{fill:var(--soft)}\n"
    ".grid{stroke:var(--grid);stroke-width:1}.frame{fill:none;stroke:var(--soft);stroke-width:1}\n"
    ".roof{stroke:var(--roof);stroke-width:2;fill:none}\n"
    ".halo{stroke:var(--back);stroke-width:4;stroke-linejoin:round;paint-order:stroke}\n"
    ".number{font-size:11px;font-weight:600}.point{stroke:var(--back);stroke-width:1.5}\n"
    ".c0{fill:var(--c0)}.c1{fill:var(--c1)}.c2{fill:var(--c2)}.c3{fill:var(--c3)}\n"
    ".lead{stroke-width:1;opacity:.7}.s0{stroke:var(--c0)}.s1{stroke:var(--c1)}.s2{stroke:var(--c2)}.s3{stroke:var(--"
    "c3)}\n"
    ".s4{stroke:var(--c4)}.s5{stroke:var(--c5)}.s6{stroke:var(--c6)}.s7{stroke:var(--c7)}\n"
    ".c4{fill:var(--c4)}.c5{fill:var(--c5)}.c6{fill:var(--c6)}.c7{fill:var(--c7)}\n"
    "</style>\n";

std::string escaped(const std::string& s) {
  // Names of files may hold any bytes; what JSON writes is valid UTF-8.
  const std::string valid = Json::parse(Json(on_one_line(s)).dump(), "label").as_string("label");
  std::string out;
  for (const char c : valid) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string number(double v) {
  char s[32];
  std::snprintf(s, sizeof s, "%.1f", v);
  return s;
}

struct Box {
  double x = 0, y = 0, width = 0, height = 0;
  bool meets(const Box& o) const {
    return x < o.x + o.width && o.x < x + width && y < o.y + o.height && o.y < y + height;
  }
};

// What has been written, and how logarithms become places.
class Drawing {
 public:
  explicit Drawing(const Roofline& roofline) : range_(range_of(roofline)) {}

  double x(double log) const { return kLeft + (log - range_.left) / (range_.right - range_.left) * kPlotWidth; }
  double y(double log) const {
    return kTop + kPlotHeight - (log - range_.bottom) / (range_.top - range_.bottom) * kPlotHeight;
  }
  const RooflineRange& range() const { return range_; }

  void line(std::string_view style, double x1, double y1, double x2, double y2) {
    out += text("<line class=\"", style, "\" x1=\"", number(x1), "\" y1=\"", number(y1), "\" x2=\"", number(x2),
                "\" y2=\"", number(y2), "\"/>\n");
  }
  void write(std::string_view style, double x, double y, const std::string& s, std::string_view more = "") {
    out += text("<text class=\"", style, "\" x=\"", number(x), "\" y=\"", number(y), "\"", more, ">", escaped(s),
                "</text>\n");
  }
  void mark(bool prefill, int colour, double x, double y) {
    if (prefill) {
      out += text("<rect class=\"point c", colour, "\" x=\"", number(x - 5), "\" y=\"", number(y - 5),
                  "\" width=\"10\" height=\"10\"");
    } else {
      out += text("<circle class=\"point c", colour, "\" cx=\"", number(x), "\" cy=\"", number(y), "\" r=\"5.5\"");
    }
    out += "/>\n";
  }

  std::string out;

 private:
  RooflineRange range_;
};

constexpr std::string_view kMiddle = " text-anchor=\"middle\"", kEnd = " text-anchor=\"end\"";

void draw_axes(Drawing& d) {
  const RooflineRange& r = d.range();
  const auto each = [](double low, double high, auto&& draw) {
    for (int decade = static_cast<int>(std::floor(low)); decade <= high; ++decade) {
      for (const double first : {1.0, 2.0, 5.0}) {
        const double log = decade + std::log10(first);
        if (log >= low && log <= high) draw(log);
      }
    }
  };
  each(r.left, r.right, [&](double log) {
    d.line("grid", d.x(log), kTop, d.x(log), kTop + kPlotHeight);
    char s[32];
    std::snprintf(s, sizeof s, "%g", std::pow(10, log));
    d.write("soft", d.x(log), kTop + kPlotHeight + 18, s, kMiddle);
  });
  each(r.bottom, r.top, [&](double log) {
    d.line("grid", kLeft, d.y(log), kLeft + kPlotWidth, d.y(log));
    d.write("soft", kLeft - 8, d.y(log) + 4, rate(std::pow(10, log), ""), kEnd);
  });
  d.out += text("<rect class=\"frame\" x=\"", number(kLeft), "\" y=\"", number(kTop), "\" width=\"", number(kPlotWidth),
                "\" height=\"", number(kPlotHeight), "\"/>\n");
  d.write("soft", kLeft + kPlotWidth / 2, kTop + kPlotHeight + 42, "operations per byte", kMiddle);
  const double middle = kTop + kPlotHeight / 2;
  d.write("soft", 18, middle, "operations per second",
          text(kMiddle, " transform=\"rotate(-90 18 ", number(middle), ")\""));
}

// Returns what the labels cover.
std::vector<Box> draw_limits(Drawing& d, const Roofline& r) {
  std::vector<Box> covered;
  const RooflineRange& range = d.range();
  const double bandwidth = std::log10(r.peak.read_bandwidth);
  const std::vector<Ceiling> ceilings = ceilings_of(r.peak);
  const double top = std::log10(ceilings.back().operations_per_second);
  const double from = std::max(range.left, range.bottom - bandwidth);
  d.line("roof", d.x(from), d.y(bandwidth + from), d.x(top - bandwidth), d.y(top));
  double free = kTop + kPlotHeight;
  for (const Ceiling& c : ceilings) {
    const double log = std::log10(c.operations_per_second), y = d.y(log);
    d.line("roof", d.x(std::max(log - bandwidth, range.left)), y, kLeft + kPlotWidth, y);
    // Above its line; ceilings that are close push the next label up.
    const double baseline = std::min(y - 6, free);
    const std::string name = c.name + " " + rate(c.operations_per_second, "op/s");
    d.write("halo", kLeft + kPlotWidth - 6, baseline, name, kEnd);
    covered.push_back({kLeft + kPlotWidth - 6 - 7 * static_cast<double>(name.size()), baseline - 11,
                       7 * static_cast<double>(name.size()), 15});
    free = baseline - 16;
  }
  // Along the slope, on the upper side of its middle.
  const double x1 = d.x(from), y1 = d.y(bandwidth + from), x2 = d.x(top - bandwidth), y2 = d.y(top);
  const double angle = std::atan2(y2 - y1, x2 - x1) * 180 / 3.14159265358979;
  const double x = x1 + 0.5 * (x2 - x1), y = y1 + 0.5 * (y2 - y1);
  const std::string turn =
      text(kMiddle, " transform=\"rotate(", number(angle), " ", number(x), " ", number(y), ")\" dy=\"-9\"");
  d.write("halo", x, y, "read " + rate(r.peak.read_bandwidth, "B/s"), turn);
  return covered;
}

// Beside the mark, where nothing else is.
Box place_of_number(double x, double y, double width, const std::vector<Box>& covered) {
  constexpr double kHeight = 12;
  Box first;
  for (const double away : {9.0, 15.0, 24.0, 36.0}) {
    for (int i = 0; i < 8; ++i) {
      constexpr std::array<std::array<double, 2>, 8> kWays{
          {{1, 0}, {0, 1}, {-1, 0}, {0, -1}, {0.8, 0.8}, {-0.8, 0.8}, {0.8, -0.8}, {-0.8, -0.8}}};
      const auto [dx, dy] = kWays[static_cast<std::size_t>(i)];
      const double cx = x + dx * (away + width / 2 - 2), cy = y + dy * (away + 2);
      const Box box{cx - width / 2, cy - kHeight / 2, width, kHeight};
      if (first.width == 0) first = box;
      const bool inside = box.x >= kLeft && box.x + width <= kLeft + kPlotWidth && box.y >= kTop &&
                          box.y + kHeight <= kTop + kPlotHeight;
      if (inside && std::ranges::none_of(covered, [&](const Box& b) { return b.meets(box); })) return box;
    }
  }
  return first;
}

// The colour of each point: that of its series.
std::vector<int> colours_of(const Roofline& r) {
  std::vector<std::string> series;
  std::vector<int> colours;
  for (const RooflinePoint& p : r.points) {
    auto known = std::ranges::find(series, p.series);
    if (known == series.end()) known = series.insert(series.end(), p.series);
    colours.push_back(static_cast<int>(known - series.begin()) % kColours);
  }
  return colours;
}

void draw_points(Drawing& d, const Roofline& r, std::vector<Box> covered) {
  constexpr double kFar = 22;  // a number so far from its mark is tied to it
  const std::vector<int> colours = colours_of(r);
  std::vector<std::array<double, 2>> places;
  for (const RooflinePoint& p : r.points) {
    places.push_back({d.x(std::log10(p.operations_per_byte)), d.y(std::log10(p.operations_per_second))});
    const auto [x, y] = places.back();
    d.mark(p.prefill, colours[places.size() - 1], x, y);
    covered.push_back({x - 6, y - 6, 12, 12});
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto [x, y] = places[i];
    const std::string index = text(i + 1);
    const Box box = place_of_number(x, y, 7 * static_cast<double>(index.size()) + 2, covered);
    covered.push_back(box);
    const double number_x = box.x + box.width / 2, number_y = box.y + box.height / 2;
    if (std::hypot(number_x - x, number_y - y) > kFar) d.line(text("lead s", colours[i]), x, y, number_x, number_y);
    d.write(text("number halo c", colours[i]), number_x, box.y + 10, index, kMiddle);
  }
}

// Returns where it ends.
double draw_legend(Drawing& d, const Roofline& r) {
  const std::vector<int> colours = colours_of(r);
  double y = kTop + 12;
  for (std::size_t i = 0; i < r.points.size(); ++i) {
    const RooflinePoint& p = r.points[i];
    if (i > 0 && p.series != r.points[i - 1].series) y += kLine / 2;
    d.write(text("number c", colours[i]), kLegend + 16, y, text(i + 1), kEnd);
    d.mark(p.prefill, colours[i], kLegend + 30, y - 4);
    d.write("", kLegend + 44, y, p.series + " " + p.label);
    d.write("soft", kLegend + kLegendWidth - 48, y, rate(p.operations_per_second, "op/s"), kEnd);
    d.write("soft", kLegend + kLegendWidth, y, text(std::lround(100 * p.share), " %"), kEnd);
    y += kLine;
  }
  return y;
}

}  // namespace

std::string roofline_svg(const Roofline& r) {
  Drawing d(r);
  d.write("title", kLeft, 28, r.title);
  d.write("soft", kLeft, 48, r.machine);
  draw_axes(d);
  const std::vector<Box> covered = draw_limits(d, r);
  draw_points(d, r, covered);
  const double legend = draw_legend(d, r);
  const double width = kLegend + kLegendWidth + 20, height = std::max(kTop + kPlotHeight + kBottom, legend + 4);
  return text("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", number(width), " ", number(height),
              "\" width=\"", number(width), "\" height=\"", number(height), "\" role=\"img\">\n<title>",
              escaped(r.title), "</title>\n", kStyle, "<rect class=\"back\" width=\"100%\" height=\"100%\"/>\n", d.out,
              "</svg>\n");
}

}  // namespace ttt::app
