#include "text/normalizer.h"

#include "base/utf8.h"
#include "text/json_fields.h"

namespace ttt {
namespace {

struct Apply {
  const std::string& s;

  std::string operator()(NormalForm form) const { return Unicode::tables().normalize(s, form); }
  std::string operator()(const Normalizer::Prepend& step) const { return s.empty() ? s : step.prefix + s; }
  std::string operator()(const Normalizer::Replace& step) const { return replace_all(s, step.pattern, step.content); }
  std::string operator()(const Normalizer::Lowercase&) const { return Unicode::tables().lowercase(s); }

  std::string operator()(const Normalizer::Strip& step) const {
    const Unicode& unicode = Unicode::tables();
    std::size_t begin = 0;
    std::size_t end = s.size();
    if (step.left) {
      while (begin < end && unicode.is(utf8_decode(s.data() + begin), kStripSpace)) begin += utf8_step(s[begin]);
    }
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
    std::string out;
    for (std::size_t i = 0; i < s.size(); i += utf8_step(s[i])) {
      if (!unicode.is(utf8_decode(s.data() + i), kAccent)) out.append(s, i, utf8_step(s[i]));
    }
    return out;
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
    add(Replace{literal_field(json, where), string_field(json, "content", where)});
  } else if (type == "Lowercase") {
    add(Lowercase{});
  } else if (type == "Strip") {
    add(Strip{.left = bool_field(json, "strip_left", true, where),
              .right = bool_field(json, "strip_right", true, where)});
  } else if (type == "StripAccents") {
    add(StripAccents{});
  } else {
    fail(ErrorKind::kUnsupported, text(where, ": normalizer of type \"", type, "\" is not supported"));
  }
}

std::string Normalizer::run(std::string_view s) const {
  std::string out(s);
  for (const Step& step : steps_) out = std::visit(Apply{out}, step);
  return out;
}

}  // namespace ttt
