#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/error.h"
#include "base/parallel_for.h"
#include "base/weights.h"
#include "checkpoint/cache/weight_cache.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/weight_form.h"

namespace ttt {

// One weight as a rank holds it.
struct WeightRecord {
  std::string name = {};
  Format stored = Format::kF32;
  Format format = Format::kF32;
  Layout layout = Layout::kRowMajor;
  bool mapped = false;     // used directly from the file
  std::int64_t bytes = 0;  // in the file, or owned
};

struct WeightBytes {
  std::int64_t mapped = 0;  // file bytes used in place
  std::int64_t owned = 0;   // converted or packed copies
};

// The checkpoint's tensors in the forms that blocks request: this rank's cut of the rows that a name selects, as a
// view into the mapped file where that is possible, else converted or packed into memory of the store. Requests with
// the same name, cut and form share memory. Throws at the first problem. Not thread-safe: one store per rank. The
// checkpoint must outlive the store, the store the views.
class WeightStore final : public WeightSource {
 public:
  // cached: null, or a file of the cache: what it holds is used in place instead of being made.
  explicit WeightStore(const Checkpoint& checkpoint, ParallelFor parallel_for = {},
                       std::shared_ptr<const CachedWeights> cached = {});
  ConstTensorView fetch(const WeightRequest& request) override;
  bool has(const std::string& full_name) const override;

  const std::vector<WeightRecord>& records() const { return records_; }  // in the order of their first fetch
  WeightBytes bytes() const;
  // What was made, for the cache, under the names of HeaderSource::made().
  std::vector<CachedPart> made() const;
  // Tensors that were never fetched, without those that models never use (tied heads' copies, rotary
  // tables, saved position ids). Sorted.
  std::vector<std::string> unused() const;

 private:
  // `from_cache`: set where the cache had it.
  ConstTensorView make(const WeightForm& form, const std::string& key, bool& from_cache);
  const Checkpoint& checkpoint_;
  ParallelFor parallel_for_;
  std::shared_ptr<const CachedWeights> cached_;
  std::map<std::string, ConstTensorView> views_;  // by name, selection, cut and form
  std::set<std::string, std::less<>> used_;
  std::vector<WeightRecord> records_;
  struct Made {
    std::string key;
    Buffer memory;
    std::int64_t bytes = 0;
  };
  std::vector<Made> made_;
};

// The plan's source: shapes and formats with null data. Problems of the checkpoint are collected and thrown by
// require_complete(), or at once when there are 65536 of them; a block whose request failed receives a view of the
// wanted shape.
class HeaderSource final : public WeightSource {
 public:
  struct Problem {
    ErrorKind kind = ErrorKind::kBadData;
    std::string name = {};
    std::string message = {};
    bool missing = false;
  };

  explicit HeaderSource(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {}
  ConstTensorView fetch(const WeightRequest& request) override;
  bool has(const std::string& full_name) const override { return checkpoint_.find(full_name) != nullptr; }

  const std::vector<Problem>& problems() const { return problems_; }
  // Throws one Error for all of them: other problems first, in the order found; missing tensors as the first few names
  // and the count.
  void require_complete() const;

  const std::vector<WeightRecord>& records() const { return records_; }
  WeightBytes bytes() const;
  std::vector<std::string> unused() const;
  // The names of what a WeightStore makes when it gets the same requests: in the order of the first ones.
  const std::vector<std::string>& made() const { return made_; }

 private:
  const Checkpoint& checkpoint_;
  std::set<std::string> seen_;
  std::vector<std::string> made_;
  std::set<std::string, std::less<>> used_;
  std::vector<WeightRecord> records_;
  std::vector<Problem> problems_;
};

}  // namespace ttt
