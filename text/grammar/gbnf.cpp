#include "text/grammar/gbnf.h"

#include <map>
#include <optional>

#include "base/digits.h"
#include "base/error.h"
#include "base/utf8.h"
#include "text/grammar/regular.h"

namespace ttt {
namespace {

using State = GrammarGraph::State;
using Part = GrammarGraph::Part;

bool is_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' || c == '_'; }

class GbnfReader {
 public:
  GbnfReader(std::string_view grammar, GrammarGraph& graph) : s_(grammar), graph_(graph) {}

  std::uint32_t read() {
    const std::int64_t most = graph_.limits().source_bytes;
    require(static_cast<std::int64_t>(s_.size()) <= most, ErrorKind::kBadData, graph_.where(),
            ": the grammar wanted at most ", most, " bytes, got ", s_.size());
    for (std::size_t i = 0; i < s_.size();) {
      const std::size_t length = utf8_length(s_.substr(i, 4));
      if (length == 0) refuse("a byte that is no UTF-8", i);
      i += length;
    }
    for (space(true); !at_end(); space(true)) rule();
    for (const auto& [name, known] : rules_) {
      if (graph_.at(known.index).begin == GrammarGraph::kNone) {
        refuse(text("the rule ", name, " is not defined"), known.place);
      }
    }
    const auto root = rules_.find("root");
    require(root != rules_.end(), ErrorKind::kBadData, graph_.where(), ": the rule root is missing");
    return root->second.index;
  }

 private:
  struct Known {
    std::uint32_t index = 0;
    std::size_t place = 0;  // where it is first mentioned
  };

  [[noreturn]] void refuse(std::string_view problem, std::size_t at, ErrorKind kind = ErrorKind::kBadData) const {
    std::size_t line = 1, column = 1;
    for (std::size_t i = 0; i < at && i < s_.size(); ++i) {
      if (s_[i] == '\n') {
        ++line;
        column = 1;
      } else if ((static_cast<unsigned char>(s_[i]) & 0xC0) != 0x80) {
        ++column;
      }
    }
    fail(kind, text(graph_.where(), ": line ", line, ", column ", column, ": ", problem));
  }
  [[noreturn]] void refuse(std::string_view problem) const { refuse(problem, at_); }

  bool at_end() const { return at_ >= s_.size(); }
  char peek() const { return at_end() ? '\0' : s_[at_]; }
  bool starts(std::string_view what) const { return s_.substr(at_, what.size()) == what; }
  bool take(std::string_view what) {
    if (!starts(what)) return false;
    at_ += what.size();
    return true;
  }
  void space(bool lines) {
    for (; !at_end(); ++at_) {
      const char c = s_[at_];
      if (c == '#') {
        while (!at_end() && s_[at_] != '\n' && s_[at_] != '\r') ++at_;
        if (at_end()) return;
      }
      const bool line_end = s_[at_] == '\n' || s_[at_] == '\r';
      if (line_end ? !lines : (s_[at_] != ' ' && s_[at_] != '\t')) return;
    }
  }

  std::string_view name() {
    const std::size_t begin = at_;
    while (!at_end() && is_name(s_[at_])) ++at_;
    if (at_ == begin) refuse("the name of a rule is wanted");
    return s_.substr(begin, at_ - begin);
  }
  std::uint32_t rule_index(std::string_view name, std::size_t place) {
    const auto found = rules_.find(name);
    if (found != rules_.end()) return found->second.index;
    const std::uint32_t index = graph_.add_rule(name);
    rules_.emplace(std::string(name), Known{index, place});
    return index;
  }

  void rule() {
    const std::size_t begin = at_;
    const std::string_view own = name();
    const std::uint32_t index = rule_index(own, begin);
    if (graph_.at(index).begin != GrammarGraph::kNone)
      refuse(text("the rule ", own, " is defined a second time"), begin);
    space(false);
    if (!take("::=")) refuse("::= is wanted");
    space(true);
    const Part all = alternatives(false);
    graph_.at(index).begin = all.begin;
    graph_.at(index).end = all.end;
    if (!at_end() && peek() != '\n' && peek() != '\r') refuse("an item, | or the end of the line is wanted");
  }

  Part alternatives(bool nested) {
    if (++depth_ > graph_.limits().depth) refuse(text("more than ", graph_.limits().depth, " nested groups"));
    const State low = graph_.size(), begin = graph_.state(), end = graph_.state();
    for (;;) {
      const Part one = sequence(nested);
      graph_.edge(begin, one.begin);
      graph_.edge(one.end, end);
      // A line that begins with | goes on with the rule.
      const std::size_t line_end = at_;
      space(true);
      if (take("|")) {
        space(true);
        continue;
      }
      if (!nested) at_ = line_end;
      break;
    }
    --depth_;
    return graph_.part_since(low, begin, end);
  }

  Part sequence(bool nested) {
    const State low = graph_.size(), begin = graph_.state();
    State end = begin;
    for (space(nested); std::optional<Part> one = item(); space(nested)) {
      space(nested);
      const Part part = quantified(*one, nested);
      graph_.edge(end, part.begin);
      end = part.end;
    }
    return graph_.part_since(low, begin, end);
  }

  // Nothing where no item begins.
  std::optional<Part> item() {
    if (at_end()) return std::nullopt;
    const char c = peek();
    if (take("\"")) return literal();
    const State low = graph_.size();
    if (take("(")) {
      const std::size_t open = at_ - 1;
      const Part inner = alternatives(true);
      if (!take(")")) refuse("the group is not closed", open);
      return inner;
    }
    if (c != '[' && c != '.' && !is_name(c)) {
      if (c == '<' || c == '!') refuse("tokens in a grammar are not supported", at_, ErrorKind::kUnsupported);
      return std::nullopt;
    }
    const State begin = graph_.state(), end = graph_.state();
    if (is_name(c)) {
      const std::size_t place = at_;
      const std::string_view called = name();
      graph_.rule(begin, end, rule_index(called, place));
    } else {
      const CharSet set = take(".") ? all_characters() : character_class();
      add_characters(graph_, begin, end, set, CharacterForm::kPlain);
    }
    return graph_.part_since(low, begin, end);
  }

  Part quantified(Part part, bool nested) {
    for (;;) {
      const std::size_t before = at_;
      std::int64_t least = 0, most = GrammarGraph::kUnlimited;
      if (take("+")) {
        least = 1;
      } else if (take("?")) {
        most = 1;
      } else if (take("{")) {
        bounds(least, most);
      } else if (!take("*")) {
        return part;
      }
      if (most != GrammarGraph::kUnlimited && most < least) refuse("the bounds of a repetition go down", before);
      part = graph_.repeat(part, least, most);
      space(nested);
    }
  }
  void bounds(std::int64_t& least, std::int64_t& most) {
    space(true);
    least = number();
    most = least;
    space(true);
    if (take(",")) {
      space(true);
      most = is_digit(peek()) ? number() : GrammarGraph::kUnlimited;
      space(true);
    }
    if (!take("}")) refuse("} is wanted");
  }
  std::int64_t number() {
    constexpr std::int64_t kLargest = 1'000'000'000;
    if (!is_digit(peek())) refuse("a number is wanted");
    std::int64_t n = 0;
    for (; is_digit(peek()); ++at_) {
      n = 10 * n + (peek() - '0');
      if (n > kLargest) refuse(text("a repetition of more than ", kLargest));
    }
    return n;
  }

  Part literal() {
    const std::size_t open = at_ - 1;
    const State low = graph_.size(), begin = graph_.state();
    State end = begin;
    while (!take("\"")) {
      if (at_end() || peek() == '\n') refuse("the literal is not closed", open);
      std::string bytes;
      append_utf8(bytes, character());
      end = graph_.literal(end, bytes);
    }
    return graph_.part_since(low, begin, end);
  }

  CharSet character_class() {
    const std::size_t open = at_;
    take("[");
    const bool negative = take("^");
    CharSet set;
    while (!take("]")) {
      if (at_end() || peek() == '\n') refuse("the character class is not closed", open);
      const std::size_t place = at_;
      const char32_t first = character();
      char32_t last = first;
      if (peek() == '-' && !starts("-]")) {
        take("-");
        if (at_end() || peek() == '\n') refuse("the character class is not closed", open);
        last = character();
      }
      if (last < first) refuse("the range goes down", place);
      set.add(CharSet::range(first, last));
    }
    if (negative) set.invert();
    return set;
  }

  // One character of a literal or a class, or its escape.
  char32_t character() {
    const std::size_t place = at_;
    if (!take("\\")) {
      const char32_t c = utf8_decode(s_.data() + at_);
      at_ += utf8_step(s_[at_]);
      return c;
    }
    const char c = peek();
    ++at_;
    switch (c) {
      case 'x':
        return hexadecimal(2, place);
      case 'u':
        return hexadecimal(4, place);
      case 'U':
        return hexadecimal(8, place);
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
      case '^':
        return static_cast<char32_t>(c);
      default:
        refuse("the escape is not known", place);
    }
  }
  char32_t hexadecimal(int digits, std::size_t place) {
    char32_t c = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      const int v = hexadecimal_digit(peek());
      if (v < 0) refuse(text("an escape of ", digits, " hexadecimal digits is wanted"), place);
      c = c * 16 + static_cast<char32_t>(v);
    }
    if (c > CharSet::kLast || (c >= 0xD800 && c <= 0xDFFF)) refuse("the escape is no character", place);
    return c;
  }

  std::string_view s_;
  GrammarGraph& graph_;
  std::map<std::string, Known, std::less<>> rules_;
  std::size_t at_ = 0;
  std::int64_t depth_ = 0;
};

}  // namespace

std::uint32_t read_gbnf(std::string_view grammar, GrammarGraph& graph) { return GbnfReader(grammar, graph).read(); }

}  // namespace ttt
