#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace ttt {

// A set of code points.
class CharSet {
 public:
  static constexpr char32_t kLast = 0x10FFFF;

  static CharSet of(char32_t c) { return range(c, c); }
  static CharSet range(char32_t first, char32_t last);
  // A general category or group of them ("Lu", "L"), or a script ("Han"), as \p{...} of a regular expression names it;
  // empty where the name is not known.
  static CharSet property(std::string_view name);
  // Characters that have any of the bits of CharClass (text/unicode.h).
  static CharSet with_classes(unsigned any_of);

  void add(const CharSet& other);
  void intersect(const CharSet& other);
  void invert();
  // Adds all characters that differ from a member only in case, by simple lower case.
  void ignore_case();

  bool has(char32_t c) const { return c < 128 ? ((ascii_[c >> 6] >> (c & 63)) & 1) != 0 : has_beyond_ascii(c); }
  bool empty() const { return ranges_.empty(); }
  char32_t first() const { return ranges_.empty() ? 0 : ranges_.front().first; }

  using Range = std::pair<char32_t, char32_t>;                  // first and last
  const std::vector<Range>& ranges() const { return ranges_; }  // ascending, not adjacent
  bool operator==(const CharSet& other) const { return ranges_ == other.ranges_; }

 private:
  bool has_beyond_ascii(char32_t c) const;
  void settle();  // sorts and joins the ranges

  std::vector<Range> ranges_;
  std::array<std::uint64_t, 2> ascii_{};
};

}  // namespace ttt
