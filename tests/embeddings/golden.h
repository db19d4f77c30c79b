#pragma once

// tests/golden/embeddings, which tools/make_embedding_golden.py made.

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "support/random_checkpoint.h"

namespace ttt::embedding_tests {

inline Json golden(std::string_view part) {
  const std::string file = TTT_SOURCE_DIR "/tests/golden/embeddings/embeddings.json";
  return Json::parse(support::read_file(file), file).at(part, "golden");
}

inline std::vector<float> floats(const Json& from, std::string_view key) {
  std::vector<float> values;
  for (const Json& v : from.at(key, "golden").as_array(key)) values.push_back(static_cast<float>(v.as_number(key)));
  return values;
}

template <class Integer = std::int64_t>
std::vector<Integer> integers(const Json& from, std::string_view key) {
  std::vector<Integer> values;
  for (const Json& v : from.at(key, "golden").as_array(key)) values.push_back(static_cast<Integer>(v.as_integer(key)));
  return values;
}

inline std::int64_t integer(const Json& from, std::string_view key, std::int64_t otherwise = 0) {
  const Json* value = from.find(key);
  return value == nullptr ? otherwise : value->as_integer(key);
}

}  // namespace ttt::embedding_tests
