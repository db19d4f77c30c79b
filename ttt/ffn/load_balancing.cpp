#include "ffn/load_balancing.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "base/error.h"

namespace ttt {

double load_balancing_loss(std::span<const ConstTensorView> logits, std::int64_t top_k,
                           std::span<const float> row_weights) {
  require(!logits.empty() && logits[0].shape.rank() == 2, ErrorKind::kUsage,
          "load_balancing_loss wanted logits [rows, experts] of at least one layer");
  const std::int64_t rows = logits[0].dim(0), experts = logits[0].dim(1);
  require(top_k >= 1 && top_k <= experts, ErrorKind::kUsage, "load_balancing_loss wanted top_k 1 to ", experts,
          ", got ", top_k);
  require(row_weights.empty() || row_weights.size() == static_cast<std::size_t>(rows), ErrorKind::kUsage,
          "load_balancing_loss wanted ", rows, " row weights, got ", row_weights.size());
  std::vector<double> chosen(static_cast<std::size_t>(experts)), probability(chosen.size()), p(chosen.size());
  std::vector<std::size_t> order(chosen.size());
  double total = 0;
  for (const ConstTensorView& layer : logits) {
    require(layer.shape == logits[0].shape && layer.format == Format::kF32, ErrorKind::kUsage,
            "load_balancing_loss wanted f32 ", logits[0].shape.to_string(), " of every layer, got ",
            name_of(layer.format), " ", layer.shape.to_string());
    for (std::int64_t r = 0; r < rows; ++r) {
      const float* x = layer.row<float>(r);
      const double weight = row_weights.empty() ? 1.0 : row_weights[static_cast<std::size_t>(r)];
      const double largest = *std::max_element(x, x + experts);
      double sum = 0;
      for (std::size_t e = 0; e < p.size(); ++e) sum += p[e] = std::exp(x[e] - largest);
      for (std::size_t e = 0; e < p.size(); ++e) probability[e] += weight * p[e] / sum;
      std::iota(order.begin(), order.end(), std::size_t{0});
      // A NaN is chosen last: the order must be one.
      const auto key = [&](std::size_t e) { return std::isnan(x[e]) ? -std::numeric_limits<float>::infinity() : x[e]; };
      std::partial_sort(order.begin(), order.begin() + top_k, order.end(),
                        [&](std::size_t a, std::size_t b) { return key(a) > key(b) || (key(a) == key(b) && a < b); });
      for (std::size_t i = 0; i < static_cast<std::size_t>(top_k); ++i) chosen[order[i]] += weight;
      total += weight;
    }
  }
  require(total > 0, ErrorKind::kUsage, "load_balancing_loss wanted rows that count, got none");
  const double products = std::inner_product(chosen.begin(), chosen.end(), probability.begin(), 0.0);
  return static_cast<double>(experts) * products / (total * total);
}

}  // namespace ttt
