#include "text/graphemes.h"

#include <cstdint>

#include "base/utf8.h"
#include "text/range_table.h"
#include "text/unicode_tables.h"

namespace ttt {
namespace {

// As tools/make_unicode_tables.py numbers them; it leaves Hangul syllables out.
enum Break : std::uint32_t {
  kOther,
  kCr,
  kLf,
  kControlBreak,
  kExtend,
  kJoiner,
  kRegion,
  kPrepend,
  kSpacing,
  kLead,
  kVowel,
  kTrail,
  kLeadVowel,
  kLeadVowelTrail
};
constexpr std::uint32_t kBreaks = 16, kPictograph = 16;
enum Conjunct : std::uint32_t { kNoConjunct, kConsonant, kLinker, kConjunctExtend };

struct Kind {
  std::uint32_t value;

  std::uint32_t brk() const { return value % kBreaks; }
  bool pictograph() const { return (value & kPictograph) != 0; }
  std::uint32_t conjunct() const { return value / 32; }
};

Kind kind_of(char32_t c) {
  static const RangeTable table(unicode_tables::kGraphemeBreaks);
  constexpr char32_t kFirst = 0xAC00, kCount = 11172, kTrails = 28;
  if (c >= kFirst && c < kFirst + kCount) return {(c - kFirst) % kTrails == 0 ? kLeadVowel : kLeadVowelTrail};
  return {table(c)};
}

// What of a cluster decides where it ends.
class Cluster {
 public:
  explicit Cluster(Kind first) { take(first); }

  // Whether a character joins it.
  bool joins(Kind next) const {
    const std::uint32_t before = last_.brk(), b = next.brk();
    if (before == kCr) return b == kLf;
    if (before == kLf || before == kControlBreak || b == kCr || b == kLf || b == kControlBreak) return false;
    if (before == kLead && (b == kLead || b == kVowel || b == kLeadVowel || b == kLeadVowelTrail)) return true;
    if ((before == kLeadVowel || before == kVowel) && (b == kVowel || b == kTrail)) return true;
    if ((before == kLeadVowelTrail || before == kTrail) && b == kTrail) return true;
    if (b == kExtend || b == kJoiner || b == kSpacing || before == kPrepend) return true;
    if (consonant_ && linked_ && next.conjunct() == kConsonant) return true;
    if (before == kJoiner && pictograph_ && next.pictograph()) return true;
    return before == kRegion && b == kRegion && regions_ % 2 == 1;
  }

  void take(Kind next) {
    const std::uint32_t b = next.brk();
    if (next.conjunct() == kConsonant) {
      consonant_ = true;
      linked_ = false;
    } else if (next.conjunct() == kLinker) {
      linked_ = true;
    } else if (next.conjunct() == kNoConjunct) {
      consonant_ = false;
    }
    if (next.pictograph()) {
      pictograph_ = true;
    } else if (b != kExtend && b != kJoiner) {
      pictograph_ = false;
    }
    if (last_.brk() == kJoiner && !next.pictograph()) pictograph_ = false;  // a joiner is the last before the next
    regions_ = b == kRegion ? regions_ + 1 : 0;
    last_ = next;
  }

 private:
  Kind last_{kOther};
  bool consonant_ = false, linked_ = false, pictograph_ = false;
  int regions_ = 0;
};

}  // namespace

std::size_t grapheme_end(std::string_view s, std::size_t begin) {
  std::size_t at = begin + utf8_step(s[begin]);
  Cluster cluster(kind_of(utf8_decode(s.data() + begin)));
  while (at < s.size()) {
    const Kind next = kind_of(utf8_decode(s.data() + at));
    if (!cluster.joins(next)) break;
    cluster.take(next);
    at += utf8_step(s[at]);
  }
  return at;
}

}  // namespace ttt
