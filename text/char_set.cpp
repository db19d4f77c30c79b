#include "text/char_set.h"

#include <algorithm>

#include "text/unicode.h"
#include "text/unicode_properties.h"

namespace ttt {

CharSet CharSet::range(char32_t first, char32_t last) {
  CharSet set;
  set.ranges_.emplace_back(first, last);
  set.settle();
  return set;
}

CharSet CharSet::property(std::string_view name) {
  CharSet set;
  set.ranges_ = property_ranges(name);
  set.settle();
  return set;
}

CharSet CharSet::with_classes(unsigned any_of) {
  const Unicode& unicode = Unicode::tables();
  CharSet set;
  for (char32_t c = 0; c <= kLast; ++c) {
    if (!unicode.is(c, any_of)) continue;
    if (!set.ranges_.empty() && set.ranges_.back().second + 1 == c) {
      ++set.ranges_.back().second;
    } else {
      set.ranges_.emplace_back(c, c);
    }
  }
  set.settle();
  return set;
}

void CharSet::add(const CharSet& other) {
  ranges_.insert(ranges_.end(), other.ranges_.begin(), other.ranges_.end());
  settle();
}

void CharSet::invert() {
  std::vector<Range> outside;
  char32_t next = 0;
  for (const auto& [first, last] : ranges_) {
    if (first > next) outside.emplace_back(next, first - 1);
    next = last + 1;
  }
  if (next <= kLast) outside.emplace_back(next, kLast);
  ranges_ = std::move(outside);
  settle();
}

void CharSet::intersect(const CharSet& other) {
  CharSet outside = other;
  outside.invert();
  invert();
  add(outside);
  invert();
}

void CharSet::ignore_case() {
  const CharSet given = *this;
  CharSet more;
  for (const auto& [upper, lower] : Unicode::tables().lowercase_pairs()) {
    if (given.has(upper)) more.ranges_.emplace_back(lower, lower);
    if (given.has(lower)) more.ranges_.emplace_back(upper, upper);
  }
  // Characters that fold to a letter but are lower case themselves.
  if (given.has('s') || given.has('S')) more.ranges_.emplace_back(0x17F, 0x17F);
  add(more);
}

void CharSet::settle() {
  std::sort(ranges_.begin(), ranges_.end());
  std::vector<Range> joined;
  for (const Range& r : ranges_) {
    if (!joined.empty() && r.first <= joined.back().second + 1) {
      joined.back().second = std::max(joined.back().second, r.second);
    } else {
      joined.push_back(r);
    }
  }
  ranges_ = std::move(joined);
  ascii_ = {};
  for (const auto& [first, last] : ranges_) {
    for (char32_t c = first; c <= last && c < 128; ++c) ascii_[c >> 6] |= std::uint64_t{1} << (c & 63);
  }
}

bool CharSet::has_beyond_ascii(char32_t c) const {
  const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), c,
                                      [](char32_t value, const Range& r) { return value < r.first; });
  return after != ranges_.begin() && std::prev(after)->second >= c;
}

}  // namespace ttt
