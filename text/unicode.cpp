#include "text/unicode.h"

#include <algorithm>
#include <map>

#include "base/utf8.h"
#include "text/packed_numbers.h"
#include "text/unicode_tables.h"

namespace ttt {
namespace {

// Hangul syllables compose by arithmetic (The Unicode Standard, 3.12).
constexpr char32_t kSBase = 0xAC00, kLBase = 0x1100, kVBase = 0x1161, kTBase = 0x11A7;
constexpr char32_t kLCount = 19, kVCount = 21, kTCount = 28, kSCount = kLCount * kVCount * kTCount;

std::uint64_t pair_key(char32_t a, char32_t b) { return (std::uint64_t{a} << 32) | b; }

}  // namespace

const Unicode& Unicode::tables() {
  static const Unicode unicode;
  return unicode;
}

Unicode::Unicode() {
  unpack_classes();
  unpack_strings(unicode_tables::kCanonical, canonical_);
  unpack_strings(unicode_tables::kCompatible, compatible_);
  unpack_strings(unicode_tables::kLowercase, lowercase_);
  PackedNumbers classes(unicode_tables::kCombiningClasses);
  char32_t c = 0;
  for (std::uint32_t n = classes.number(); n > 0; --n) {
    c += classes.number();
    combining_[c] = static_cast<std::uint8_t>(classes.number());
  }
  PackedNumbers pairs(unicode_tables::kCompositions);
  char32_t first = 0;
  for (std::uint32_t n = pairs.number(); n > 0; --n) {
    first += pairs.number();
    const char32_t second = pairs.number();
    char32_t whole = first;
    pairs.step(whole);
    composites_[pair_key(first, second)] = whole;
  }
  mark_unsettled();
}

void Unicode::unpack_classes() {
  std::vector<std::uint32_t> flat(kCodePoints);
  for_each_range(unicode_tables::kClassRanges, [&](char32_t begin, char32_t end, std::uint32_t value) {
    std::fill(flat.begin() + begin, flat.begin() + end, value);
  });

  // Equal pages are stored once; mark() splits them again where the normalisation bits differ.
  std::map<std::vector<std::uint32_t>, std::uint16_t> seen;
  for (std::size_t page = 0; page < index_.size(); ++page) {
    const auto from = flat.begin() + static_cast<std::ptrdiff_t>(page * 256);
    std::vector<std::uint32_t> content(from, from + 256);
    const auto [it, added] = seen.emplace(std::move(content), static_cast<std::uint16_t>(seen.size()));
    if (added) pages_.insert(pages_.end(), from, from + 256);
    index_[page] = it->second;
  }
}

void Unicode::unpack_strings(std::string_view packed, Mapping& into) {
  PackedNumbers u(packed);
  char32_t c = 0;
  char32_t last = 0;
  for (std::uint32_t n = u.number(); n > 0; --n) {
    c += u.number();
    const Slice slice{static_cast<std::uint32_t>(strings_.size()), u.number()};
    for (std::uint32_t i = 0; i < slice.length; ++i) {
      u.step(last);
      strings_.push_back(last);
    }
    into.emplace(c, slice);
  }
}

void Unicode::mark(char32_t c, unsigned bits) {
  std::uint16_t& page = index_[c >> 8];
  const bool shared = std::count(index_.begin(), index_.end(), page) > 1;
  if (shared) {
    const std::size_t from = std::size_t{page} * 256;
    page = static_cast<std::uint16_t>(pages_.size() / 256);
    for (std::size_t i = 0; i < 256; ++i) pages_.push_back(pages_[from + i]);
  }
  pages_[std::size_t{page} * 256 + (c & 255)] |= bits;
}

void Unicode::mark_unsettled() {
  std::map<char32_t, unsigned> bits;
  constexpr unsigned kAll = kUnsettledNfd | kUnsettledNfkd | kUnsettledNfc | kUnsettledNfkc;
  for (const auto& [c, value] : combining_) bits[c] |= kAll;
  for (const auto& [key, whole] : composites_) bits[static_cast<char32_t>(key)] |= kUnsettledNfc | kUnsettledNfkc;
  for (char32_t c = kVBase; c < kTBase + kTCount; ++c) bits[c] |= kUnsettledNfc | kUnsettledNfkc;
  for (char32_t c = kSBase; c < kSBase + kSCount; ++c) bits[c] |= kUnsettledNfd | kUnsettledNfkd;
  const auto changes = [&](char32_t c, NormalForm form) {
    std::string before, after;
    append_utf8(before, c);
    normalize_slowly(before, form, after);
    return before != after;
  };
  for (const auto& [c, slice] : canonical_) {
    bits[c] |= kUnsettledNfd | kUnsettledNfkd;
    if (changes(c, NormalForm::kNfc)) bits[c] |= kUnsettledNfc;
    if (changes(c, NormalForm::kNfkc)) bits[c] |= kUnsettledNfkc;
  }
  for (const auto& [c, slice] : compatible_) {
    bits[c] |= kUnsettledNfkd;
    if (changes(c, NormalForm::kNfkc)) bits[c] |= kUnsettledNfkc;
  }
  for (const auto& [c, b] : bits) mark(c, b);
}

std::uint8_t Unicode::combining_class(char32_t c) const {
  const auto found = combining_.find(c);
  return found == combining_.end() ? 0 : found->second;
}

void Unicode::decompose(char32_t c, bool compatible, std::u32string& out) const {
  if (c >= kSBase && c < kSBase + kSCount) {
    const char32_t s = c - kSBase;
    out.push_back(kLBase + s / (kVCount * kTCount));
    out.push_back(kVBase + s % (kVCount * kTCount) / kTCount);
    if (s % kTCount != 0) out.push_back(kTBase + s % kTCount);
    return;
  }
  if (compatible) {
    if (const auto found = compatible_.find(c); found != compatible_.end()) {
      out.append(strings_, found->second.start, found->second.length);
      return;
    }
  }
  if (const auto found = canonical_.find(c); found != canonical_.end()) {
    out.append(strings_, found->second.start, found->second.length);
    return;
  }
  out.push_back(c);
}

void Unicode::reorder(std::u32string& s) const {
  std::vector<std::pair<std::uint8_t, char32_t>> marks;
  for (std::size_t i = 0; i < s.size();) {
    marks.clear();
    std::size_t end = i;
    for (; end < s.size(); ++end) {
      const std::uint8_t ccc = combining_class(s[end]);
      if (ccc == 0) break;
      marks.emplace_back(ccc, s[end]);
    }
    std::stable_sort(marks.begin(), marks.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [ccc, c] : marks) s[i++] = c;
    i = end + 1;
  }
}

char32_t Unicode::composite(char32_t first, char32_t second) const {
  if (first >= kLBase && first < kLBase + kLCount && second >= kVBase && second < kVBase + kVCount) {
    return kSBase + ((first - kLBase) * kVCount + (second - kVBase)) * kTCount;
  }
  const bool syllable_without_tail = first >= kSBase && first < kSBase + kSCount && (first - kSBase) % kTCount == 0;
  if (syllable_without_tail && second > kTBase && second < kTBase + kTCount) return first + (second - kTBase);
  const auto found = composites_.find(pair_key(first, second));
  return found == composites_.end() ? 0 : found->second;
}

void Unicode::compose(std::u32string& s) const {
  constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t out = 0;
  std::size_t starter = kNone;
  std::uint8_t last_class = 0;
  for (const char32_t c : s) {
    const std::uint8_t ccc = combining_class(c);
    const bool adjacent = starter != kNone && starter + 1 == out;
    const bool reachable = starter != kNone && (adjacent || (last_class < ccc && last_class != 0));
    const char32_t whole = reachable ? composite(s[starter], c) : 0;
    if (whole != 0) {
      s[starter] = whole;
      continue;
    }
    if (ccc == 0) starter = out;
    last_class = ccc;
    s[out++] = c;
  }
  s.resize(out);
}

void Unicode::normalize_slowly(std::string_view s, NormalForm form, std::string& out) const {
  const bool compatible = form == NormalForm::kNfkd || form == NormalForm::kNfkc;
  std::u32string points;
  for (std::size_t i = 0; i < s.size(); i += utf8_step(s[i])) decompose(utf8_decode(s.data() + i), compatible, points);
  reorder(points);
  if (form == NormalForm::kNfc || form == NormalForm::kNfkc) compose(points);
  for (const char32_t c : points) append_utf8(out, c);
}

std::string Unicode::normalize(std::string_view s, NormalForm form) const {
  const bool composing = form == NormalForm::kNfc || form == NormalForm::kNfkc;
  const unsigned unsettled = form == NormalForm::kNfd    ? kUnsettledNfd
                             : form == NormalForm::kNfkd ? kUnsettledNfkd
                             : form == NormalForm::kNfc  ? kUnsettledNfc
                                                         : kUnsettledNfkc;
  std::string out;
  out.reserve(s.size());
  std::size_t copied = 0;    // everything before is in `out`
  std::size_t previous = 0;  // where the character before i starts
  for (std::size_t i = 0; i < s.size();) {
    if (!is(utf8_decode(s.data() + i), unsettled)) {
      previous = i;
      i += utf8_step(s[i]);
      continue;
    }
    // The settled character before may be the base of this one; the settled one after cannot join it.
    const std::size_t from = composing ? std::max(previous, copied) : i;
    std::size_t end = i;
    while (end < s.size() && is(utf8_decode(s.data() + end), unsettled)) end += utf8_step(s[end]);
    out.append(s, copied, from - copied);
    normalize_slowly(s.substr(from, end - from), form, out);
    copied = previous = i = end;
  }
  out.append(s, copied, s.size() - copied);
  return out;
}

std::vector<std::pair<char32_t, char32_t>> Unicode::lowercase_pairs() const {
  std::vector<std::pair<char32_t, char32_t>> pairs;
  for (const auto& [upper, slice] : lowercase_) {
    if (slice.length == 1) pairs.emplace_back(upper, strings_[slice.start]);
  }
  return pairs;
}

std::string Unicode::lowercase(std::string_view s) const {
  std::string out;
  out.reserve(s.size());
  for (std::size_t i = 0; i < s.size(); i += utf8_step(s[i])) {
    if (static_cast<unsigned char>(s[i]) < 0x80) {
      out.push_back(s[i] >= 'A' && s[i] <= 'Z' ? static_cast<char>(s[i] - 'A' + 'a') : s[i]);
      continue;
    }
    const auto found = lowercase_.find(utf8_decode(s.data() + i));
    if (found == lowercase_.end()) {
      out.append(s, i, utf8_step(s[i]));
    } else {
      for (std::uint32_t k = 0; k < found->second.length; ++k) append_utf8(out, strings_[found->second.start + k]);
    }
  }
  return out;
}

}  // namespace ttt
