#include <algorithm>

#include "base/error.h"
#include "checkpoint/config_reader.h"

namespace ttt {
namespace {

// An id of the vocabulary; -1 is how some files write "none".
std::optional<std::int64_t> optional_id(ConfigReader& c, std::string_view key, std::int64_t vocab_size) {
  const auto id = c.optional_integer(key, {.min = -1, .max = vocab_size - 1});
  return id == std::int64_t{-1} ? std::nullopt : id;
}

}  // namespace

std::vector<std::int64_t> end_token_ids(const Json& config, std::string_view config_where,
                                        const Json& generation_config, std::int64_t vocab_size) {
  const auto read = [&](const Json& json, std::string where) {
    ConfigReader c(json, std::move(where));
    std::vector<std::int64_t> ids = c.integers("eos_token_id", {.min = -1, .max = vocab_size - 1});
    std::erase(ids, -1);
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return ids;
  };
  if (!generation_config.is_null()) {
    std::vector<std::int64_t> ids = read(generation_config, "generation_config.json");
    if (!ids.empty()) return ids;
  }
  return read(config, std::string(config_where));
}

GenerationDefaults generation_defaults(const Json& generation_config, std::string_view where, std::int64_t vocab_size) {
  GenerationDefaults d;
  if (generation_config.is_null()) return d;
  ConfigReader c(generation_config, std::string(where));
  if (c.has("do_sample")) d.do_sample = c.boolean("do_sample");
  d.temperature = c.optional_number("temperature", {.min = 0, .max = 100});
  d.top_p = c.optional_number("top_p", {.min = 0, .max = 1});
  d.min_p = c.optional_number("min_p", {.min = 0, .max = 1});
  d.repetition_penalty = c.optional_number("repetition_penalty", {.min = 0, .max = 100, .above_min = true});
  d.top_k = c.optional_integer("top_k", {.min = -1});
  if (d.top_k == std::int64_t{-1}) d.top_k = 0;  // both mean: all
  d.max_new_tokens = c.optional_integer("max_new_tokens", {.min = 1});
  d.bos_token_id = optional_id(c, "bos_token_id", vocab_size);
  d.pad_token_id = optional_id(c, "pad_token_id", vocab_size);
  return d;
}

}  // namespace ttt
