#include "text/normalizer.h"

#include "base/utf8.h"
#include "text/bpe.h"
#include "text/json_fields.h"

namespace ttt {
namespace {

bool nmt_drops(char32_t c) {
  return (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
}

bool nmt_spaces(char32_t c) {
  return c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
         c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
}

std::string nmt(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  for (std::size_t i = 0; i < s.size(); i += utf8_step(s[i])) {
    const char32_t c = utf8_decode(s.data() + i);
    if (nmt_spaces(c)) {
      out.push_back(' ');
    } else if (!nmt_drops(c)) {
      out.append(s, i, utf8_step(s[i]));
    }
  }
  return out;
}

// Applies a step to `s`, and sees what becomes of its first character.
struct Apply {
  const std::string& s;
  bool& starts;

  std::string operator()(NormalForm form) const { return Unicode::tables().normalize(s, form); }
  std::string operator()(const Normalizer::Prepend& step) const { return s.empty() ? s : step.prefix + s; }
  std::string operator()(const Normalizer::Replace& step) const {
    if (s.starts_with(step.pattern)) replaced(step.pattern, step.content);
    return replace_all(s, step.pattern, step.content);
  }
  std::string operator()(const Normalizer::ReplaceMatches& step) const {
    const auto match = PatternSearch(step.pattern, s).find(0);
    if (match && match->begin == 0 && match->end > 0) replaced(std::string_view(s).substr(0, match->end), step.content);
    return replace_all(s, step.pattern, step.content);
  }
  std::string operator()(const Normalizer::Nmt&) const {
    drops(!s.empty() && nmt_drops(utf8_decode(s.data())));
    return nmt(s);
  }
  std::string operator()(const Normalizer::ByteLevel&) const { return spell_bytes(s); }
  std::string operator()(const BertText& step) const {
    drops(step.drops_first(s));
    return step.run(s);
  }
  std::string operator()(const Normalizer::Precompiled& map) const { return map->run(s); }
  std::string operator()(const Normalizer::Lowercase&) const { return Unicode::tables().lowercase(s); }

  std::string operator()(const Normalizer::Strip& step) const {
    const Unicode& unicode = Unicode::tables();
    std::size_t begin = 0;
    std::size_t end = s.size();
    if (step.left) {
      while (begin < end && unicode.is(utf8_decode(s.data() + begin), kStripSpace)) begin += utf8_step(s[begin]);
    }
    drops(begin > 0);
    while (step.right && begin < end) {
      std::size_t last = end - 1;
      while ((static_cast<unsigned char>(s[last]) & 0xC0) == 0x80) --last;
      if (!unicode.is(utf8_decode(s.data() + last), kStripSpace)) break;
      end = last;
    }
    return s.substr(begin, end - begin);
  }

  std::string operator()(const Normalizer::StripAccents&) const {
    const Unicode& unicode = Unicode::tables();
    drops(!s.empty() && unicode.is(utf8_decode(s.data()), kAccent));
    std::string out;
    for (std::size_t i = 0; i < s.size(); i += utf8_step(s[i])) {
      if (!unicode.is(utf8_decode(s.data() + i), kAccent)) out.append(s, i, utf8_step(s[i]));
    }
    return out;
  }

 private:
  void drops(bool first) const { starts = starts && !first; }
  // In the reference a replacement stands where the last of the characters stood that it replaces.
  void replaced(std::string_view first, std::string_view content) const {
    drops(content.empty() || utf8_step(first.front()) != first.size());
  }
};

}  // namespace

std::string replace_all(std::string_view s, std::string_view pattern, std::string_view content) {
  std::string out;
  out.reserve(s.size());
  std::size_t at = 0;
  for (;;) {
    const std::size_t found = s.find(pattern, at);
    if (found == std::string_view::npos) break;
    out.append(s, at, found - at);
    out += content;
    at = found + pattern.size();
  }
  out.append(s, at, s.size() - at);
  return out;
}

std::string replace_all(std::string_view s, const Pattern& pattern, std::string_view content) {
  std::string out;
  std::size_t at = 0;
  PatternSearch search(pattern, s);
  for (std::size_t from = 0; from <= s.size();) {
    const auto match = search.find(from);
    if (!match) break;
    out.append(s, at, match->begin - at);
    out += content;
    at = from = match->end;
    if (match->begin == match->end) from += from < s.size() ? utf8_step(s[from]) : 1;
  }
  out.append(s, at, s.size() - at);
  return out;
}

std::string spell_bytes(std::string_view s) {
  std::string out;
  out.reserve(s.size() * 2);
  for (const char c : s) out += byte_level_alphabet()[static_cast<unsigned char>(c)];
  return out;
}

Normalizer Normalizer::from_json(const Json& json, std::string_view where) {
  Normalizer result;
  if (!json.is_null()) result.read(json, where);
  return result;
}

void Normalizer::read(const Json& json, std::string_view where) {
  const std::string type = string_field(json, "type", where);
  require(steps_.size() < 32, ErrorKind::kUnsupported, where, ": more than 32 normalizer steps");
  if (type == "Sequence") {
    for (const Json& item : json.at("normalizers", where).as_array(text(where, " normalizers"))) read(item, where);
  } else if (type == "NFC") {
    add(NormalForm::kNfc);
  } else if (type == "NFD") {
    add(NormalForm::kNfd);
  } else if (type == "NFKC") {
    add(NormalForm::kNfkc);
  } else if (type == "NFKD") {
    add(NormalForm::kNfkd);
  } else if (type == "Prepend") {
    add(Prepend{string_field(json, "prepend", where)});
  } else if (type == "Replace") {
    add_replace(json, where);
  } else if (type == "Lowercase") {
    add(Lowercase{});
  } else if (type == "Strip") {
    add(Strip{.left = bool_field(json, "strip_left", true, where),
              .right = bool_field(json, "strip_right", true, where)});
  } else if (type == "StripAccents") {
    add(StripAccents{});
  } else if (type == "Nmt") {
    add(Nmt{});
  } else if (type == "ByteLevel") {
    add(ByteLevel{});
  } else if (type == "BertNormalizer") {
    BertText bert{.clean = bool_field(json, "clean_text", true, where),
                  .space_chinese = bool_field(json, "handle_chinese_chars", true, where),
                  .lowercase = bool_field(json, "lowercase", true, where)};
    bert.strip_accents = bool_field(json, "strip_accents", bert.lowercase, where);
    add(bert);
  } else if (type == "Precompiled") {
    const std::string here = text(where, ": precompiled_charsmap");
    add(std::make_shared<const Charsmap>(
        Charsmap::parse(decode_base64(string_field(json, "precompiled_charsmap", where), here), here)));
  } else {
    fail(ErrorKind::kUnsupported, text(where, ": normalizer of type \"", type, "\" is not supported"));
  }
}

void Normalizer::add_replace(const Json& json, std::string_view where) {
  const std::string content = string_field(json, "content", where);
  const Json* literal = json.at("pattern", where).find("String");
  if (literal != nullptr) {
    add(Replace{literal_field(json, where), content});
  } else {
    add(ReplaceMatches{pattern_field(json, where), content});
  }
}

std::string Normalizer::run(std::string_view s, bool* starts) const {
  std::string out(s);
  bool ignored = true;
  for (const Step& step : steps_) out = std::visit(Apply{out, starts != nullptr ? *starts : ignored}, step);
  return out;
}

}  // namespace ttt
