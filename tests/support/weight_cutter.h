#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/weights.h"
#include "support/attention_case.h"

// Weights of any block, given under their checkpoint names or made up, cut for any rank.
namespace ttt::support {

class WeightCutter final : public WeightBinder {
 public:
  explicit WeightCutter(std::map<std::string, std::vector<float>> tensors = {}) : tensors_(std::move(tensors)) {}

  // Fields stay valid as long as this object.
  void bind(ConstTensorView& field, const WeightRequest& request) override {
    const std::lock_guard lock(mutex_);  // ranks are threads
    const TensorName& name = request.name;
    const std::int64_t columns = request.shape.rank() == 2 ? request.shape[1] : 1, rows = request.shape[0];
    std::vector<float>& stored = tensors_[name.name];
    const std::int64_t span = name.run == 0 ? rows : name.stride * (name.count - 1) + name.run;
    const std::int64_t end = name.run == 0 ? rows : std::max(name.begin + span, name.stride * name.count);
    if (static_cast<std::int64_t>(stored.size()) < end * columns) {
      require(stored.empty() || made_up_.contains(name.name), ErrorKind::kInternal, name.name, " wanted ",
              end * columns, " values, got ", stored.size());
      made_up_[name.name] = true;
      stored = random_values(end * columns, static_cast<std::uint32_t>(name.name.size() * 131 + name.name[0]), 0.3f);
    }
    std::vector<float>& part = cuts_[text(name.name, " ", name.begin, " ", request.cut.axis, " ", request.cut.begin,
                                          " ", request.cut.count, " ", end)];
    if (part.empty()) fill(part, request, stored, columns, rows);
    field = view_of(static_cast<const float*>(part.data()), request.cut_shape());
  }

 private:
  static void fill(std::vector<float>& part, const WeightRequest& request, const std::vector<float>& stored,
                   std::int64_t columns, std::int64_t rows) {
    const TensorName& name = request.name;
    const Cut& cut = request.cut;
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int64_t from = name.run == 0 ? r : name.begin + r / name.run * name.stride + r % name.run;
      for (std::int64_t c = 0; c < columns; ++c) {
        const std::int64_t i = cut.axis == 0 ? r : c;
        const bool mine = cut.axis < 0 || (i >= cut.begin && i < cut.begin + cut.count);
        if (mine) part.push_back(stored[static_cast<std::size_t>(from * columns + c)]);
      }
    }
  }

  std::map<std::string, std::vector<float>> tensors_, cuts_;
  std::map<std::string, bool> made_up_;
  std::mutex mutex_;
};

}  // namespace ttt::support
