#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/exec.h"
#include "testing/values.h"

namespace ttt {

// What one place wrote in a run.
struct Written {
  std::string path = {};
  std::vector<float> y = {};
  // Of a block that adds to the residual stream: the values before the addition, and the added product if the
  // block reports it; else empty.
  std::vector<float> before = {}, product = {};
  std::int64_t width = 0;  // of a row
};

// Keeps what every place writes, in order. Blocks' last projections report their products, so that the contribution of
// a block to the residual stream is seen before it is added.
class TraceObserver final : public Observer {
 public:
  // Paths of blocks; other places lie inside of one of them.
  explicit TraceObserver(std::set<std::string, std::less<>> blocks) : blocks_(std::move(blocks)) {}

  const std::vector<Written>& written() const { return written_; }

  void done(const Place& place, TensorView y) override;
  void launched(double, double) override {}
  bool counts() const override { return false; }
  bool observes(const Place&) const override { return true; }

 private:
  void add_block(Written block);

  std::set<std::string, std::less<>> blocks_;
  std::vector<Written> written_;
  std::map<const std::byte*, std::vector<float>> buffers_;  // values by address
};

}  // namespace ttt
