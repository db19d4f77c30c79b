#include "text/utf8_filter.h"

#include "base/utf8.h"

namespace ttt {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// For bytes that start no valid character: how many form a prefix of one (at least 1), and whether more may complete
// it.
struct Prefix {
  std::size_t length;
  bool may_continue;
};

Prefix prefix_of(std::string_view s) {
  const auto lead = static_cast<unsigned char>(s[0]);
  if (lead < 0xC2 || lead > 0xF4) return {1, false};
  const std::size_t wanted = utf8_step(s[0]);
  std::size_t n = 1;
  for (; n < wanted && n < s.size(); ++n) {
    const auto c = static_cast<unsigned char>(s[n]);
    const unsigned low = n == 1 && lead == 0xE0 ? 0xA0 : n == 1 && lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = n == 1 && lead == 0xED ? 0x9F : n == 1 && lead == 0xF4 ? 0x8F : 0xBF;
    if (c < low || c > high) return {n, false};
  }
  return {n, true};
}

// Appends the certain part of `s`; returns how many bytes of it were used.
std::size_t filter(std::string_view s, std::string& out) {
  std::size_t copied = 0;
  std::size_t i = 0;
  while (i < s.size()) {
    const std::size_t length = static_cast<unsigned char>(s[i]) < 0x80 ? 1 : utf8_length(s.substr(i, 4));
    if (length != 0) {
      i += length;
      continue;
    }
    out.append(s, copied, i - copied);
    const Prefix prefix = prefix_of(s.substr(i, 4));
    if (prefix.may_continue && i + prefix.length == s.size()) return i;
    out += kReplacement;
    i += prefix.length;
    copied = i;
  }
  out.append(s, copied, i - copied);
  return i;
}

}  // namespace

void Utf8Filter::push(std::string_view bytes, std::string& out) {
  if (pending_.empty()) {
    pending_.assign(bytes.substr(filter(bytes, out)));
    return;
  }
  pending_ += bytes;
  pending_.erase(0, filter(pending_, out));
}

void Utf8Filter::finish(std::string& out) {
  if (!pending_.empty()) out += kReplacement;
  pending_.clear();
}

std::string valid_utf8(std::string_view bytes) {
  std::string out;
  Utf8Filter f;
  f.push(bytes, out);
  f.finish(out);
  return out;
}

std::size_t unfinished_utf8(std::string_view bytes) {
  for (std::size_t n = 1; n <= 3 && n <= bytes.size(); ++n) {
    const std::string_view end = bytes.substr(bytes.size() - n);
    const auto lead = static_cast<unsigned char>(end[0]);
    if ((lead & 0xC0) == 0x80) continue;
    const bool unfinished =
        lead >= 0x80 && n < utf8_step(end[0]) && prefix_of(end).length == n && prefix_of(end).may_continue;
    return unfinished ? n : 0;
  }
  return 0;
}

}  // namespace ttt
