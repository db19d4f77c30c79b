#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace ttt {

// Adds tokens around the ids of one text, or of a pair of texts, and the type of each token.
class PostProcessor {
 public:
  struct Piece {
    int sequence = -1;  // 0: the ids of the first text; 1: of the second; -1: `ids`
    std::vector<std::int64_t> ids = {};
    std::int32_t type = 0;
  };
  using Template = std::vector<Piece>;

  // Reads the "post_processor" of a tokenizer.json; null: nothing is added. Throws Error{kUnsupported} naming an
  // unknown type, Error{kBadData} on a template that names no token.
  static PostProcessor from_json(const Json& json, std::string_view where);

  void set(Template single, Template pair);
  // For one text, which occurs at least once.
  const Template& single() const { return single_; }
  const Template& pair() const { return pair_; }
  // The tokens that `single` adds before the first text and after the last.
  const std::vector<std::int64_t>& before() const { return before_; }
  const std::vector<std::int64_t>& after() const { return after_; }

 private:
  void read(const Json& json, std::string_view where);

  Template single_ = {{.sequence = 0}};
  Template pair_ = {{.sequence = 0}, {.sequence = 1, .type = 1}};
  std::vector<std::int64_t> before_;
  std::vector<std::int64_t> after_;
  bool has_template_ = false;
};

}  // namespace ttt
