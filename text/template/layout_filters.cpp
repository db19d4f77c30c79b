#include <algorithm>
#include <numeric>

#include "text/template/functions.h"
#include "text/template/rendering.h"

// Filters of Jinja2 that break lines: wordwrap, which is Python's textwrap.wrap, and pprint, which is its
// pprint.pformat.
namespace ttt::jinja {
namespace {

// ---- wordwrap -------------------------------------------------------------------------------------------------------

// [^\d\W]
bool is_initial(char32_t c) { return is_word(c) && !is_decimal(c); }
bool is_blank(char32_t c) { return plain(c) == ' ' || (plain(c) >= '\t' && plain(c) <= '\r'); }
bool ends_phrase(char32_t c) {
  return is_word(c) ||
         (plain(c) < 0x80 && std::string_view("!\"'&.,?").find(static_cast<char>(plain(c))) != std::string_view::npos);
}

struct Wrapping {
  std::size_t width = 79;
  bool long_words = true, hyphens = true;
};

// The pieces between which a line may be broken, as TextWrapper.wordsep_re splits: white space; words; dashes between
// words; parts of hyphenated words with their hyphen.
class Pieces {
 public:
  explicit Pieces(const Text& line) : t_(line) {}

  std::vector<Text> split(bool hyphens) const {
    std::vector<Text> pieces;
    for (std::size_t at = 0; at < t_.size();) {
      const std::size_t end = is_blank(t_[at]) ? blanks(at) : hyphens ? word(at) : whole_word(at);
      pieces.push_back(t_.substr(at, end - at));
      at = end;
    }
    return pieces;
  }

 private:
  bool hyphen(std::size_t i) const { return i < t_.size() && plain(t_[i]) == '-'; }
  bool initial(std::size_t i) const { return i < t_.size() && is_initial(t_[i]); }
  std::size_t blanks(std::size_t at) const {
    while (at < t_.size() && is_blank(t_[at])) ++at;
    return at;
  }
  std::size_t whole_word(std::size_t at) const {
    while (at < t_.size() && !is_blank(t_[at])) ++at;
    return at;
  }
  // Two or more hyphens from `at` on, then a word: where they end, else `at`.
  std::size_t dash(std::size_t at) const {
    std::size_t end = at;
    while (hyphen(end)) ++end;
    return end - at >= 2 && end < t_.size() && is_word(t_[end]) ? end : at;
  }
  std::size_t word(std::size_t at) const {
    if (at > 0 && ends_phrase(t_[at - 1]) && dash(at) > at) return dash(at);
    for (std::size_t end = at + 1;; ++end) {
      // A hyphen behind two letters, or behind a letter, a hyphen and a letter; then a letter, or two around a hyphen.
      if (hyphen(end) && initial(end - 1) && end >= 2 &&
          (initial(end - 2) || (end >= 3 && hyphen(end - 2) && initial(end - 3)))) {
        const std::size_t next = end + 1;
        if (initial(next) && (initial(next + 1) || (hyphen(next + 1) && initial(next + 2)))) return next;
      }
      if (end >= t_.size() || is_blank(t_[end])) return end;
      if (ends_phrase(t_[end - 1]) && dash(end) > end) return end;
    }
  }

  const Text& t_;
};

// Where a word that is longer than a line is cut.
std::size_t cut_of(const Text& piece, std::size_t space, bool hyphens) {
  if (!hyphens || piece.size() <= space) return space;
  std::size_t at = space;
  while (at > 0 && plain(piece[at - 1]) != '-') --at;
  const bool behind = at > 1 && std::any_of(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(at) - 1,
                                            [](char32_t c) { return plain(c) != '-'; });
  return behind ? at : space;
}

bool is_all_space(const Text& t) { return std::ranges::all_of(t, is_space); }

std::vector<Text> wrapped(const Text& line, const Wrapping& w) {
  std::vector<Text> pieces = Pieces(line).split(w.hyphens), lines;
  std::ranges::reverse(pieces);
  while (!pieces.empty()) {
    std::vector<Text> now;
    std::size_t length = 0;
    if (is_all_space(pieces.back()) && !lines.empty()) pieces.pop_back();
    while (!pieces.empty() && length + pieces.back().size() <= w.width) {
      length += pieces.back().size();
      now.push_back(std::move(pieces.back()));
      pieces.pop_back();
    }
    if (!pieces.empty() && pieces.back().size() > w.width) {
      if (w.long_words) {
        const std::size_t cut = cut_of(pieces.back(), w.width - length, w.hyphens);
        now.push_back(pieces.back().substr(0, cut));
        pieces.back().erase(0, cut);
      } else if (now.empty()) {
        now.push_back(std::move(pieces.back()));
        pieces.pop_back();
      }
    }
    if (!now.empty() && is_all_space(now.back())) now.pop_back();
    if (!now.empty()) lines.push_back(std::accumulate(now.begin(), now.end(), Text()));
  }
  return lines;
}

Value wordwrap(Rendering& r, const Value& v, const Call& call) {
  constexpr std::string_view kNames[] = {"width", "break_long_words", "wrapstring", "break_on_hyphens"};
  const Parameters p(r, "wordwrap", call, 0, kNames);
  r.require_defined(v);
  if (!v.is_string()) r.refuse(text("'", v.type_name(), "' object has no attribute 'splitlines'"));
  const std::int64_t width = p.integer(0, 79);
  const Wrapping w{.width = static_cast<std::size_t>(std::max<std::int64_t>(width, 1)),
                   .long_words = p.truth(1, true),
                   .hyphens = p.truth(3, true)};
  const Text between = p.has(2) && !p[2].is_none() ? p.text(2) : Text(U"\n");
  r.characters(v.text()->size());
  Text out;
  bool first = true;
  for (const Value& line : r.items(call_text_method(r, v, "splitlines", {}))) {
    if (width <= 0) r.refuse(text("invalid width ", width, " (must be > 0)"));
    if (!first) out += between;
    first = false;
    bool first_part = true;
    for (const Text& part : wrapped(*line.text(), w)) {
      if (!first_part) out += between;
      first_part = false;
      out += part;
      r.characters(part.size() + between.size());
      r.require_output(out);
    }
  }
  return out;
}

// ---- pprint ---------------------------------------------------------------------------------------------------------

// The order in which pprint writes keys: numbers by value, strings by code points, other pairs by their types' names.
bool key_less(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return a.number() < b.number();
  if (a.is_string() && b.is_string()) return compare(*a.text(), *b.text()) < 0;
  return a.type_name() < b.type_name();
}

class PrettyPrinter {
 public:
  explicit PrettyPrinter(Rendering& r) : r_(r) {}

  Text format(const Value& v) {
    write(v, 0, 0, 0);
    return std::move(out_);
  }

 private:
  static constexpr std::int64_t kWidth = 80;
  using Entries = std::vector<std::pair<Value, Value>>;

  static bool is_plain_list(const Sequence* s) {
    return s != nullptr && !s->group && (s->kind == Sequence::Kind::kList || s->kind == Sequence::Kind::kTuple);
  }
  static Entries sorted(const Dict& d) {
    Entries entries = d.entries;
    std::ranges::stable_sort(entries, [](const auto& a, const auto& b) { return key_less(a.first, b.first); });
    return entries;
  }
  static std::int64_t length(const Text& t) { return static_cast<std::int64_t>(t.size()); }

  // repr with keys in order.
  Text one_line(const Value& v) {
    r_.step();
    if (const Dict* d = v.dict()) {
      Text t = U"{";
      for (const auto& [key, value] : sorted(*d)) {
        if (t.size() > 1) t += U", ";
        t += one_line(key) + U": " + one_line(value);
      }
      return t + U"}";
    }
    if (!is_plain_list(v.sequence())) return r_.repr_of(v);
    const bool tuple = v.sequence()->kind == Sequence::Kind::kTuple;
    Text t;
    for (const Value& item : v.sequence()->items) t += (t.empty() ? U"" : U", ") + one_line(item);
    if (!tuple) return U"[" + t + U"]";
    return U"(" + t + (v.sequence()->items.size() == 1 ? U",)" : U")");
  }

  // indent: columns before the value; allowance: columns behind it that belong to what it is in.
  void write(const Value& v, std::int64_t indent, std::int64_t allowance, int level) {
    const Rendering::Depth depth(r_);
    const Text line = one_line(v);
    r_.characters(line.size());
    r_.require_output(out_);
    if (length(line) <= kWidth - indent - allowance) {
      out_ += line;
    } else if (v.dict() != nullptr) {
      write_dict(*v.dict(), indent, allowance, level + 1);
    } else if (is_plain_list(v.sequence())) {
      write_items(*v.sequence(), indent, allowance, level + 1);
    } else if (v.is_string() && !v.is_markup()) {
      write_string(v, indent, allowance, level + 1);
    } else {
      out_ += line;
    }
  }

  void next_line(std::int64_t indent) {
    out_.push_back(U'\n');
    out_.append(static_cast<std::size_t>(indent), U' ');
    r_.characters(static_cast<std::size_t>(indent));
  }

  void write_dict(const Dict& d, std::int64_t indent, std::int64_t allowance, int level) {
    out_.push_back(U'{');
    const Entries entries = sorted(d);
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const bool last = i + 1 == entries.size();
      const Text key = one_line(entries[i].first);
      out_ += key + U": ";
      write(entries[i].second, indent + 1 + length(key) + 2, last ? allowance + 1 : 1, level);
      if (last) break;
      out_.push_back(U',');
      next_line(indent + 1);
    }
    out_.push_back(U'}');
  }

  void write_items(const Sequence& s, std::int64_t indent, std::int64_t allowance, int level) {
    const bool tuple = s.kind == Sequence::Kind::kTuple;
    const Text end = !tuple ? U"]" : s.items.size() == 1 ? U",)" : U")";
    out_.push_back(tuple ? U'(' : U'[');
    for (std::size_t i = 0; i < s.items.size(); ++i) {
      const bool last = i + 1 == s.items.size();
      write(s.items[i], indent + 1, last ? allowance + length(end) : 1, level);
      if (last) break;
      out_.push_back(U',');
      next_line(indent + 1);
    }
    out_ += end;
  }

  // Adjacent literals, one a line, in brackets where nothing else is around them.
  void write_string(const Value& v, std::int64_t indent, std::int64_t allowance, int level) {
    if (level == 1) ++indent, ++allowance;
    const std::vector<Value> lines = r_.items(call_text_method(r_, v, "splitlines", {.positional = {Value(true)}}));
    std::vector<Text> parts;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const bool last = i + 1 == lines.size();
      const Text whole = r_.repr_of(lines[i]);
      if (length(whole) <= kWidth - indent - (last ? allowance : 0)) {
        parts.push_back(whole);
      } else {
        split_line(*lines[i].text(), kWidth - indent, last ? allowance : 0, parts);
      }
    }
    if (level == 1 && parts.size() > 1) out_.push_back(U'(');
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (i > 0) next_line(indent);
      out_ += parts[i];
    }
    if (level == 1 && parts.size() > 1) out_.push_back(U')');
  }

  // Between words; allowance: of the last part.
  void split_line(const Text& line, std::int64_t width, std::int64_t allowance, std::vector<Text>& parts) {
    Text now;
    for (std::size_t at = 0; at < line.size();) {
      std::size_t end = at;
      while (end < line.size() && !is_space(line[end])) ++end;
      while (end < line.size() && is_space(line[end])) ++end;
      const Text part = line.substr(at, end - at);
      at = end;
      if (at == line.size()) width -= allowance;
      const Text both = now + part;
      r_.step(1 + static_cast<std::int64_t>(both.size()) / 64);
      if (length(r_.repr_of(Value(both))) > width) {
        if (!now.empty()) parts.push_back(r_.repr_of(Value(now)));
        now = part;
      } else {
        now = both;
      }
    }
    if (!now.empty()) parts.push_back(r_.repr_of(Value(now)));
  }

  Rendering& r_;
  Text out_;
};

Value pprint(Rendering& r, const Value& v, const Call& call) {
  Parameters(r, "pprint", call, 0, {});
  return PrettyPrinter(r).format(v);
}

}  // namespace

FilterFn layout_filter(std::string_view name) {
  if (name == "pprint") return pprint;
  return name == "wordwrap" ? wordwrap : nullptr;
}

}  // namespace ttt::jinja
