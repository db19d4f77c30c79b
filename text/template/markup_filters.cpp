#include <algorithm>
#include <array>
#include <set>

#include "text/template/functions.h"
#include "text/template/rendering.h"

// Filters of Jinja2 that write HTML: xmlattr, and urlize with the rules of jinja2.utils.urlize.
namespace ttt::jinja {
namespace {

Text escaped_value(Rendering& r, const Value& v) { return v.is_markup() ? *v.text() : escaped(r.text_of(v)); }

Value xmlattr(Rendering& r, const Value& v, const Call& call) {
  constexpr std::string_view kNames[] = {"autospace"};
  const Parameters p(r, "xmlattr", call, 0, kNames);
  r.require_defined(v);
  if (v.dict() == nullptr) r.refuse(text("'", v.type_name(), "' object has no attribute 'items'"));
  Text out;
  for (const auto& [key, value] : v.dict()->entries) {
    if (value.is_none() || value.is_undefined()) continue;
    if (!key.is_string()) r.refuse(text("expected string or bytes-like object, got '", key.type_name(), "'"));
    const bool invalid = std::ranges::any_of(*key.text(), [](char32_t c) {
      c = plain(c);
      return c == ' ' || (c >= '\t' && c <= '\r') || c == '/' || c == '>' || c == '=';
    });
    if (invalid) r.refuse(text("Invalid character in attribute name: ", to_utf8(r.repr_of(key))));
    if (!out.empty() || p.truth(0, true)) out.push_back(U' ');
    out += escaped_value(r, key) + U"=\"" + escaped_value(r, value) + U"\"";
    r.require_output(out);
  }
  return out;
}

// ---- what urlize takes for an address -------------------------------------------------------------------------------

// Lower case as Python's re.IGNORECASE compares ASCII letters.
char32_t folded(char32_t c) {
  c = plain(c);
  if (c >= 'A' && c <= 'Z') return c + ('a' - 'A');
  if (c == 0x130 || c == 0x131) return 'i';
  if (c == 0x17F) return 's';
  return c == 0x212A ? U'k' : c;
}

bool begins(const Text& t, std::string_view lower) {
  if (t.size() < lower.size()) return false;
  for (std::size_t i = 0; i < lower.size(); ++i) {
    if (folded(t[i]) != static_cast<unsigned char>(lower[i])) return false;
  }
  return true;
}

template <class Holds>
bool all_of(const Text& t, std::size_t least, std::size_t most, const Holds& holds) {
  return t.size() >= least && t.size() <= most && std::ranges::all_of(t, holds);
}

bool is_low(char32_t c) { return folded(c) >= 'a' && folded(c) <= 'z'; }
bool is_hex(char32_t c) { return is_decimal(c) || (folded(c) >= 'a' && folded(c) <= 'f'); }
bool in_domain(char32_t c) { return is_word(c) || plain(c) == '%' || plain(c) == '-'; }

std::vector<Text> labels_of(const Text& host) {
  std::vector<Text> labels(1);
  for (const char32_t c : host) {
    plain(c) == '.' ? labels.emplace_back().clear() : labels.back().push_back(c);
  }
  return labels;
}

// Behind the host: a port, and a path, query or fragment.
bool ends_address(const Text& t, std::size_t at) {
  if (at < t.size() && plain(t[at]) == ':') {
    std::size_t digits = 0;
    while (++at < t.size() && is_decimal(t[at])) ++digits;
    if (digits < 1 || digits > 5) return false;
  }
  if (at == t.size()) return true;
  const char32_t c = plain(t[at]);
  return c == '/' || c == '?' || c == '#';
}

bool is_v6(const Text& t, std::size_t& at) {
  const auto group = [&] {
    for (int i = 0; i < 4 && at < t.size() && is_hex(t[at]); ++i) ++at;
    const bool colon = at < t.size() && plain(t[at]) == ':';
    at += colon ? 1 : 0;
    return colon;
  };
  ++at;
  if (!group() || !group()) return false;
  for (int i = 0; i < 6; ++i) group();
  return at < t.size() && plain(t[at++]) == ']';
}

bool is_address(const Text& t) {
  const std::size_t scheme = begins(t, "https://") ? 8 : begins(t, "http://") ? 7 : 0;
  const std::size_t start = scheme > 0 ? scheme : begins(t, "www.") ? 4 : 0;
  std::size_t end = start;
  if (scheme > 0 && end < t.size() && plain(t[end]) == '[') return is_v6(t, end) && ends_address(t, end);
  const auto ends_host = [](char32_t c) { return c == ':' || c == '/' || c == '?' || c == '#'; };
  while (end < t.size() && !ends_host(plain(t[end]))) ++end;
  if (!ends_address(t, end)) return false;
  const std::vector<Text> labels = labels_of(t.substr(start, end - start));
  const auto before_last = std::span(labels).first(labels.size() - 1);
  const Text& last = labels.back();
  if (start > 0) {
    const bool international =
        begins(last, "xn--") && all_of(last.substr(4), 2, 59, [](char32_t c) { return is_word(c) || plain(c) == '%'; });
    if ((international || all_of(last, 2, 63, is_low)) &&
        std::ranges::all_of(before_last, [](const Text& l) { return all_of(l, 1, Text::npos, in_domain); }))
      return true;
  }
  if (scheme > 0) {
    return labels.size() == 4 && std::ranges::all_of(labels, [](const Text& l) { return all_of(l, 1, 3, is_decimal); });
  }
  // Without a scheme, which "www." is not here.
  const std::vector<Text> whole = labels_of(t.substr(0, end));
  constexpr std::string_view kDomains[] = {"com", "net", "int", "edu", "gov", "org", "info", "mil"};
  return whole.size() > 1 &&
         std::ranges::any_of(kDomains, [&](auto d) { return last.size() == d.size() && begins(last, d); }) &&
         std::ranges::all_of(std::span(whole).first(whole.size() - 1),
                             [](const Text& l) { return all_of(l, 2, 63, in_domain); });
}

bool is_mail(const Text& t) {
  const std::size_t at = find_last(t, U"@"), dot = find_last(t, U".");
  if (at == Text::npos || at == 0 || dot == Text::npos || dot < at + 2 || dot + 1 == t.size()) return false;
  if (std::ranges::any_of(t, [](char32_t c) { return is_space(c); }) || !is_word(t[at + 1])) return false;
  const auto inside = [](char32_t c) { return is_word(c) || plain(c) == '.' || plain(c) == '-'; };
  return std::all_of(t.begin() + static_cast<std::ptrdiff_t>(at) + 1, t.begin() + static_cast<std::ptrdiff_t>(dot),
                     inside) &&
         std::all_of(t.begin() + static_cast<std::ptrdiff_t>(dot) + 1, t.end(), is_word);
}

// ---- urlize ---------------------------------------------------------------------------------------------------------

struct Links {
  Text attributes = {};  // rel and target
  std::optional<std::int64_t> most = {};
  std::vector<Text> schemes = {};
};

// A word without the brackets before it and the punctuation behind it.
struct Word {
  Text head = {}, middle = {}, tail = {};
};

std::size_t count(const Text& t, const Text& part) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = find(t, part, at)) != Text::npos; at += part.size()) ++n;
  return n;
}

Word word_of(const Text& whole) {
  const Text less = U"&lt;", greater = U"&gt;";
  std::size_t begin = 0, end = whole.size();
  for (;;) {
    const char32_t c = begin < end ? plain(whole[begin]) : U'\0';
    const std::size_t n = c == '(' || c == '<' ? 1 : find(whole, less, begin, begin + 4) == begin ? 4 : 0;
    if (n == 0) break;
    begin += n;
  }
  for (;;) {
    const char32_t c = begin < end ? plain(whole[end - 1]) : U'\0';
    const bool sign = c == ')' || c == '>' || c == '.' || c == ',' || c == '\n';
    const std::size_t n = sign ? 1 : end >= begin + 4 && find(whole, greater, end - 4, end) == end - 4 ? 4 : 0;
    if (n == 0) break;
    end -= n;
  }
  Word w{whole.substr(0, begin), whole.substr(begin, end - begin), whole.substr(end)};
  // Brackets that are opened in the middle take what closes them from the tail.
  for (const auto& [open, close] : {std::pair<Text, Text>{U"(", U")"}, {U"<", U">"}, {less, greater}}) {
    const std::size_t opened = count(w.middle, open);
    if (opened <= count(w.middle, close)) continue;
    for (std::size_t n = std::min(opened, count(w.tail, close)); n > 0; --n) {
      const std::size_t taken = find(w.tail, close) + close.size();
      w.middle += w.tail.substr(0, taken);
      w.tail.erase(0, taken);
    }
  }
  return w;
}

Text shortened(const Text& t, const std::optional<std::int64_t>& most) {
  const auto size = static_cast<std::int64_t>(t.size());
  if (!most || size <= *most) return t;
  const std::int64_t kept = *most < 0 ? std::max<std::int64_t>(size + *most, 0) : *most;
  return t.substr(0, static_cast<std::size_t>(kept)) + U"...";
}

Text linked(const Text& t, const Links& links) {
  const auto link = [&](const Text& to, const Text& attributes, const Text& shown) {
    return U"<a href=\"" + to + U"\"" + attributes + U">" + shown + U"</a>";
  };
  const Text mail = U"mailto:";
  if (is_address(t)) {
    const bool named = starts_with(t, U"https://") || starts_with(t, U"http://");
    return link(named ? t : U"https://" + t, links.attributes, shortened(t, links.most));
  }
  if (starts_with(t, mail) && is_mail(t.substr(mail.size()))) return link(t, {}, t.substr(mail.size()));
  if (!starts_with(t, U"www.") && !starts_with(t, U"@") && find(t, U":") == Text::npos && is_mail(t)) {
    return link(mail + t, {}, t);
  }
  Text result = t;
  for (const Text& scheme : links.schemes) {
    if (compare(result, scheme) != 0 && starts_with(result, scheme)) result = link(result, links.attributes, result);
  }
  return result;
}

Text rel_of(Rendering& r, const Parameters& p) {
  std::set<std::string> parts{"noopener"};
  if (p.truth(1, false)) parts.insert("nofollow");
  if (p.has(3) && p[3].truth()) {
    for (const Value& part : r.items(call_text_method(r, p[3], "split", {}))) parts.insert(to_utf8(*part.text()));
  }
  std::string joined;
  for (const std::string& part : parts) joined += (joined.empty() ? "" : " ") + part;
  return to_text(joined);
}

// [\w.+-]{2,}:/{0,2}
bool is_scheme(const Text& t) {
  const std::size_t colon = find(t, U":");
  if (colon == Text::npos || t.size() > colon + 3) return false;
  const auto named = [](char32_t c) { return is_word(c) || plain(c) == '.' || plain(c) == '+' || plain(c) == '-'; };
  return all_of(t.substr(0, colon), 2, Text::npos, named) &&
         all_of(t.substr(colon + 1), 0, 2, [](char32_t c) { return plain(c) == '/'; });
}

Value urlize(Rendering& r, const Value& v, const Call& call) {
  constexpr std::string_view kNames[] = {"trim_url_limit", "nofollow", "target", "rel", "extra_schemes"};
  const Parameters p(r, "urlize", call, 0, kNames);
  Links links;
  if (p.has(0) && !p[0].is_none()) links.most = p.integer(0);
  links.attributes = U" rel=\"" + escaped(rel_of(r, p)) + U"\"";
  if (p.has(2) && p[2].truth()) links.attributes += U" target=\"" + escaped_value(r, p[2]) + U"\"";
  if (p.has(4) && !p[4].is_none()) {
    for (const Value& scheme : r.items(p[4])) {
      if (!scheme.is_string()) r.refuse(text("expected string or bytes-like object, got '", scheme.type_name(), "'"));
      if (!is_scheme(*scheme.text())) {
        r.refuse(text(to_utf8(r.repr_of(scheme)), " is not a valid URI scheme prefix."));
      }
      links.schemes.push_back(*scheme.text());
    }
  }
  const Text all = escaped_value(r, v);
  r.characters(all.size());
  Text out;
  for (std::size_t i = 0; i < all.size();) {
    const bool space = is_space(all[i]);
    std::size_t end = i;
    while (end < all.size() && is_space(all[end]) == space) ++end;
    const Text word = all.substr(i, end - i);
    i = end;
    if (space) {
      out += word;
      continue;
    }
    r.step();
    const Word w = word_of(word);
    out += w.head + linked(w.middle, links) + w.tail;
    r.characters(word.size());
    r.require_output(out);
  }
  return out;
}

}  // namespace

FilterFn markup_filter(std::string_view name) {
  if (name == "urlize") return urlize;
  return name == "xmlattr" ? xmlattr : nullptr;
}

}  // namespace ttt::jinja
