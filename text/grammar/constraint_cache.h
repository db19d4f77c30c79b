#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/text_table.h"
#include "text/grammar/grammar.h"

namespace ttt {

// The constraints that were used last, so that requests with the same grammar share one and the masks that it keeps.
// Any number of threads may use one object.
class ConstraintCache {
 public:
  // `constraints` at most, each with `mask_bytes` of masks.
  explicit ConstraintCache(std::shared_ptr<const GrammarVocabulary> vocabulary, std::size_t constraints = 32,
                           std::int64_t mask_bytes = std::int64_t{16} << 20)
      : vocabulary_(std::move(vocabulary)), constraints_(constraints), mask_bytes_(mask_bytes) {}

  // The constraint that `compile` makes, or has made before for the same key: what kind of grammar, and its source.
  // What compile throws is not kept. Two threads that ask for a new one at the same time both compile it.
  std::shared_ptr<const TokenConstraint> get(const std::string& key, const std::function<Grammar()>& compile);

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const TokenConstraint> constraint;
  };
  std::shared_ptr<const GrammarVocabulary> vocabulary_;
  std::size_t constraints_;
  std::int64_t mask_bytes_;
  std::mutex mutex_;
  std::list<Entry> entries_;  // used last first
  TextTable<std::list<Entry>::iterator> by_key_;
};

}  // namespace ttt
