#include <array>
#include <optional>

#include "base/utf8.h"
#include "text/grammar/regular.h"

namespace ttt {
namespace {

using State = GrammarGraph::State;

struct Span {
  std::uint8_t first = 0, last = 0;
  bool operator==(const Span&) const = default;
};

// Adds byte sequences in ascending order; those that begin in the same way share states, and so do all that end in any
// continuation bytes.
class Utf8Edges {
 public:
  Utf8Edges(GrammarGraph& graph, State from, State to) : graph_(graph), from_(from), tails_{to} {}

  void add(char32_t first, char32_t last) {
    constexpr char32_t kEnds[] = {0x7F, 0x7FF, 0xD7FF, 0xDFFF, 0xFFFF, CharSet::kLast};
    for (const char32_t end : kEnds) {
      if (first > last) return;
      if (first > end) continue;
      const char32_t here = last < end ? last : end;
      if (end != 0xDFFF) add_same_length(first, here);
      first = here + 1;
    }
  }

 private:
  void add_same_length(char32_t first, char32_t last) {
    std::string low, high;
    append_utf8(low, first);
    append_utf8(high, last);
    split(from_, low, high, 0);
  }

  static std::uint8_t byte(const std::string& s, std::size_t i) { return static_cast<std::uint8_t>(s[i]); }
  // Whether all bytes from `i` on are `value`.
  static bool rest_is(const std::string& s, std::size_t i, std::uint8_t value) {
    for (; i < s.size(); ++i) {
      if (byte(s, i) != value) return false;
    }
    return true;
  }

  void split(State at, const std::string& low, const std::string& high, std::size_t i) {
    const std::size_t rest = low.size() - i - 1;
    if (rest == 0) return graph_.bytes(at, tail(0), byte(low, i), byte(high, i));
    const std::uint8_t first = byte(low, i), last = byte(high, i);
    if (first == last) {
      if (rest_is(low, i + 1, 0x80) && rest_is(high, i + 1, 0xBF)) return graph_.bytes(at, tail(rest), first, last);
      return split(step(at, first, i), low, high, i + 1);
    }
    const std::string lowest = filled(low, i, 0x80), highest = filled(high, i, 0xBF);
    const bool whole_low = low == lowest, whole_high = high == highest;
    const auto middle_first = static_cast<std::uint8_t>(whole_low ? first : first + 1);
    const auto middle_last = static_cast<std::uint8_t>(whole_high ? last : last - 1);
    if (!whole_low) split(step(at, first, i), low, filled(low, i, 0xBF), i + 1);
    if (middle_first <= middle_last) graph_.bytes(at, tail(rest), middle_first, middle_last);
    if (!whole_high) split(step(at, last, i), filled(high, i, 0x80), high, i + 1);
  }
  static std::string filled(std::string s, std::size_t after, std::uint8_t value) {
    for (std::size_t i = after + 1; i < s.size(); ++i) s[i] = static_cast<char>(value);
    return s;
  }

  // The state behind one byte, which the sequence before may have made.
  State step(State at, std::uint8_t byte, std::size_t depth) {
    std::optional<Path>& made = path_[depth];
    if (!made || made->from != at || made->byte != byte) {
      made = Path{.from = at, .byte = byte, .to = graph_.state()};
      graph_.bytes(at, made->to, byte, byte);
    }
    return made->to;
  }
  // Where so many continuation bytes lead to the end.
  State tail(std::size_t bytes) {
    while (tails_.size() <= bytes) {
      const State next = tails_.back();
      tails_.push_back(graph_.state());
      graph_.bytes(tails_.back(), next, 0x80, 0xBF);
    }
    return tails_[bytes];
  }

  struct Path {
    State from = 0;
    std::uint8_t byte = 0;
    State to = 0;
  };

  GrammarGraph& graph_;
  State from_;
  std::vector<State> tails_;
  std::array<std::optional<Path>, 4> path_;
};

char short_escape(char32_t c) {
  switch (c) {
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    case '"':
    case '\\':
      return static_cast<char>(c);
    default:
      return 0;
  }
}

void add_escapes(GrammarGraph& graph, State from, State to, const CharSet& set) {
  std::optional<State> slash;
  std::array<std::optional<State>, 2> unicode;  // behind \u000 and \u001
  const auto one = [&](char32_t c) {
    if (!set.has(c)) return;
    if (!slash) slash = graph.literal(from, "\\");
    if (const char letter = short_escape(c)) {
      graph.bytes(*slash, to, static_cast<std::uint8_t>(letter), static_cast<std::uint8_t>(letter));
      return;
    }
    std::optional<State>& high = unicode[c >> 4];
    if (!high) high = graph.literal(*slash, c < 16 ? "u000" : "u001");
    const auto digit = static_cast<std::uint8_t>("0123456789abcdef"[c & 15]);
    graph.bytes(*high, to, digit, digit);
  };
  for (char32_t c = 0; c < 0x20; ++c) one(c);
  one('"');
  one('\\');
}

}  // namespace

void add_characters(GrammarGraph& graph, State from, State to, const CharSet& set, CharacterForm form) {
  CharSet plain = set;
  if (form == CharacterForm::kJsonString) {
    CharSet unescaped = CharSet::range(0, 0x1F);
    unescaped.add(CharSet::of('"'));
    unescaped.add(CharSet::of('\\'));
    unescaped.invert();
    plain.intersect(unescaped);
    add_escapes(graph, from, to, set);
  }
  Utf8Edges edges(graph, from, to);
  for (const auto& [first, last] : plain.ranges()) edges.add(first, last);
}

CharSet all_characters() { return CharSet::range(0, CharSet::kLast); }

}  // namespace ttt
