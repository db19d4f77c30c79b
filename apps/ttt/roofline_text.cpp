#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "apps/ttt/roofline.h"

namespace ttt::app {
namespace {

constexpr int kColumns = 80, kMargin = 9, kWidth = kColumns - kMargin - 1, kHeight = 20;
constexpr std::string_view kMarks = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

// Cells of characters, the first row at the top.
class Canvas {
 public:
  explicit Canvas(const RooflineRange& range)
      : range_(range), rows_(static_cast<std::size_t>(kHeight), std::string(static_cast<std::size_t>(kWidth), ' ')) {}

  int column(double x) const { return cell((x - range_.left) / (range_.right - range_.left), kWidth); }
  int row(double y) const { return kHeight - 1 - cell((y - range_.bottom) / (range_.top - range_.bottom), kHeight); }
  double x_of(int column) const { return range_.left + (column + 0.5) / kWidth * (range_.right - range_.left); }
  double y_of(int row) const { return range_.bottom + (kHeight - row - 0.5) / kHeight * (range_.top - range_.bottom); }

  char& at(int row, int column) { return rows_[static_cast<std::size_t>(row)][static_cast<std::size_t>(column)]; }
  bool holds(int row, int column) const { return row >= 0 && row < kHeight && column >= 0 && column < kWidth; }
  void write(int row, int column, std::string_view s) {
    for (std::size_t i = 0; i < s.size(); ++i) {
      if (holds(row, column + static_cast<int>(i))) at(row, column + static_cast<int>(i)) = s[i];
    }
  }
  const std::string& line(int row) const { return rows_[static_cast<std::size_t>(row)]; }

 private:
  static int cell(double part, int cells) {
    return std::clamp(static_cast<int>(std::floor(part * cells)), 0, cells - 1);
  }
  RooflineRange range_;
  std::vector<std::string> rows_;
};

void draw_limits(Canvas& canvas, const Roofline& r) {
  const std::vector<Ceiling> ceilings = ceilings_of(r.peak);
  const double bandwidth = std::log10(r.peak.read_bandwidth);
  const double top = std::log10(ceilings.back().operations_per_second);
  for (int c = 0; c < kWidth; ++c) {
    const double x = canvas.x_of(c), y = bandwidth + x;
    for (const Ceiling& ceiling : ceilings) {
      const double peak = std::log10(ceiling.operations_per_second);
      if (y >= peak) canvas.at(canvas.row(peak), c) = '-';
    }
    if (y < top && canvas.holds(canvas.row(y), c) && y >= canvas.y_of(kHeight - 1)) canvas.at(canvas.row(y), c) = '/';
  }
  // At the end of its line; where two would share a row, the faster one above.
  int used = kHeight;
  for (const Ceiling& ceiling : ceilings) {
    used = std::min(canvas.row(std::log10(ceiling.operations_per_second)), used - 1);
    const std::string name = " " + ceiling.name + " " + rate(ceiling.operations_per_second, "op/s");
    canvas.write(used, kWidth - static_cast<int>(name.size()), name);
  }
}

// In its cell, or in the nearest one without another mark.
void draw_point(Canvas& canvas, const RooflinePoint& p, char mark) {
  const int column = canvas.column(std::log10(p.operations_per_byte));
  const int row = canvas.row(std::log10(p.operations_per_second));
  for (int away = 0; away < kWidth; ++away) {
    for (const int c : {column + away, column - away}) {
      if (!canvas.holds(row, c) || kMarks.find(canvas.at(row, c)) != std::string_view::npos) continue;
      canvas.at(row, c) = mark;
      return;
    }
  }
}

std::string right_aligned(const std::string& s, int width) {
  return std::string(static_cast<std::size_t>(std::max(width - static_cast<int>(s.size()), 0)), ' ') + s;
}

std::string axis_of_rates(const Canvas& canvas, const RooflineRange& range, int row) {
  // A number where a decade, a half or a fifth of one falls.
  for (int decade = static_cast<int>(std::floor(range.bottom)); decade <= range.top; ++decade) {
    for (const double first : {1.0, 2.0, 5.0}) {
      const double y = decade + std::log10(first);
      if (y < range.bottom || y > range.top || canvas.row(y) != row) continue;
      std::string s = rate(std::pow(10, y), "");
      while (s.ends_with(' ')) s.pop_back();
      return right_aligned(s, kMargin - 1) + " +";
    }
  }
  return std::string(static_cast<std::size_t>(kMargin), ' ') + "|";
}

std::string axis_of_intensity(const Canvas& canvas, const RooflineRange& range) {
  std::string line(static_cast<std::size_t>(kColumns), ' '), numbers = line;
  std::fill(line.begin() + kMargin, line.end(), '-');
  line[static_cast<std::size_t>(kMargin)] = '+';
  std::size_t free = 0;
  for (int decade = static_cast<int>(std::floor(range.left)); decade <= range.right; ++decade) {
    for (const double first : {1.0, 2.0, 5.0}) {
      const double x = decade + std::log10(first);
      if (x < range.left || x > range.right) continue;
      const auto column = static_cast<std::size_t>(kMargin + 1 + canvas.column(x));
      char number[32];
      std::snprintf(number, sizeof number, "%g", std::pow(10, x));
      const std::string s = number;
      const std::size_t at = column - std::min(column, s.size() / 2);
      line[column] = '+';
      if (at < free || at + s.size() > numbers.size()) continue;
      numbers.replace(at, s.size(), s);
      free = at + s.size() + 1;
    }
  }
  numbers.erase(numbers.find_last_not_of(' ') + 1);
  return line + "\n" + numbers + "\n";
}

}  // namespace

std::string roofline_text(const Roofline& r) {
  const RooflineRange range = range_of(r);
  Canvas canvas(range);
  draw_limits(canvas, r);
  for (std::size_t i = 0; i < r.points.size(); ++i) {
    draw_point(canvas, r.points[i], i < kMarks.size() ? kMarks[i] : '*');
  }
  std::string s = "operations per second (/ is the read bandwidth, " + rate(r.peak.read_bandwidth, "B/s") + ")\n";
  for (int row = 0; row < kHeight; ++row) {
    std::string line = axis_of_rates(canvas, range, row) + canvas.line(row);
    line.erase(line.find_last_not_of(' ') + 1);
    s += line + "\n";
  }
  s += axis_of_intensity(canvas, range);
  s += right_aligned("operations per byte", kColumns) + "\n";
  for (std::size_t i = 0; i < r.points.size(); ++i) {
    const RooflinePoint& p = r.points[i];
    char numbers[64];
    std::snprintf(numbers, sizeof numbers, "%12s %10s op/B %5.1f %%", rate(p.operations_per_second, "op/s").c_str(),
                  short_number(p.operations_per_byte).c_str(), 100 * p.share);
    std::string name = p.series + " " + p.label;
    name.resize(static_cast<std::size_t>(kColumns) - 2 - std::string_view(numbers).size(), ' ');
    s += std::string(1, i < kMarks.size() ? kMarks[i] : '*') + " " + name + numbers + "\n";
  }
  return s;
}

}  // namespace ttt::app
