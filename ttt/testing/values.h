#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/exec.h"
#include "base/tensor.h"

namespace ttt::testing {

// An input or a reference of a case: rows of f32 values, or token ids for blocks that look rows up.
struct Values {
  std::vector<float> data = {};        // [rows, width]
  std::int64_t width = 0;              // of a row; 0 with ids
  std::vector<std::int32_t> ids = {};  // [rows]

  std::int64_t rows() const;
  ConstTensorView view() const;  // [rows, width]
};

// Rows of one sequence. Error{kUsage} unless `data` holds whole rows.
Values rows_of_values(std::vector<float> data, std::int64_t width);
Values token_ids(std::vector<std::int32_t> ids);

// The same seed gives the same values on every machine.
Values normal(std::int64_t rows, std::int64_t width, std::uint64_t seed, double deviation = 1, double mean = 0);
Values uniform(std::int64_t rows, std::int64_t width, std::uint64_t seed, double low = -1, double high = 1);

// The values of a view, row by row. f32 only: Error{kUsage} otherwise.
std::vector<float> copy_of(ConstTensorView x);

// Keeps what the block at `path` writes while a model runs: the rows of all steps one after another. The input of a
// block is what the previous place wrote.
class Capture final : public Observer {
 public:
  explicit Capture(std::string path) : path_(std::move(path)) {}

  // Error{kUsage} naming the path when nothing has been written there.
  Values values() const;

  void done(const Place& place, TensorView y) override;
  void launched(double, double) override {}
  bool counts() const override { return false; }
  bool observes(const Place& place) const override { return place.path == path_; }

 private:
  std::string path_;
  Values values_;
};

}  // namespace ttt::testing
