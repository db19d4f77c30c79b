#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/text_range.h"

// Chat templates: the language of Jinja2 as Hugging Face uses it (trim_blocks, lstrip_blocks, loop controls,
// `generation` blocks, tojson without escapes, strftime_now, raise_exception, the immutable sandbox), byte for byte.
namespace ttt {

namespace jinja {
class Rendering;
}

struct TemplateLimits {
  std::int64_t depth = 256;        // nested calls
  std::int64_t steps = 2'000'000;  // expressions, iterations and blocks of 64 characters
  std::int64_t output = 16 << 20;  // characters of the result
  std::int64_t source = 4 << 20;   // bytes of the template
};

struct RenderOptions {
  // Seconds since 1970 for strftime_now, which is read in the local time zone; negative: the clock.
  std::int64_t time = -1;
};

// A rendered prompt. Text of the request is marked, so that a tokenizer can accept control tokens from the template
// only.
struct Rendered {
  std::string text = {};              // valid UTF-8
  std::vector<TextRange> input = {};  // the text from strings of the request, in order
};

class Template {
 public:
  // Error{kBadData} "WHERE line N: reason" for an invalid template; Error{kUnsupported} for tags that need other files.
  static Template parse(std::string_view source, std::string where, const TemplateLimits& limits = {});
  ~Template();
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;

  // `request`, an object: its members are the names that the template sees. Their strings are marked as input, but not
  // the roles of `messages` (letters, digits, _ and -), of which templates make control tokens. `trusted`: further
  // names, whose strings are not marked (bos_token and the like). Errors name the line of the template: kBadData when
  // the template raises one or meets values that it cannot use, or when a limit is reached; kUnsupported for filters,
  // tests and methods that are not known, by name.
  Rendered render(const Json& request, const Json& trusted = {}, const RenderOptions& options = {}) const;

  // All text and strings of the template, with zero bytes between them.
  std::string literals() const;

 private:
  struct Parsed;
  Rendered rendered(jinja::Rendering& rendering, const Json& request, const Json& trusted) const;
  explicit Template(std::unique_ptr<Parsed> parsed);
  std::unique_ptr<Parsed> parsed_;
};

}  // namespace ttt
