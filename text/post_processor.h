#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace ttt {

// Tokens around the ids of a text.
class PostProcessor {
 public:
  // Reads the "post_processor" of a tokenizer.json; null: nothing is added. Throws Error{kUnsupported} naming an
  // unknown type, Error{kBadData} on a template that names no token.
  static PostProcessor from_json(const Json& json, std::string_view where);

  bool has_template() const { return has_template_; }
  void set(std::vector<std::int64_t> before, std::vector<std::int64_t> after);
  const std::vector<std::int64_t>& before() const { return before_; }
  const std::vector<std::int64_t>& after() const { return after_; }

 private:
  void read(const Json& json, std::string_view where);
  void read_template(const Json& json, std::string_view where);

  std::vector<std::int64_t> before_;
  std::vector<std::int64_t> after_;
  bool has_template_ = false;
};

}  // namespace ttt
