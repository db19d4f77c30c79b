#include "apps/ttt/scores.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace ttt::app {

Scores scores_of(const Json& config, std::size_t classes) {
  const Json* type = config.find("problem_type");
  const auto is = [&](std::string_view name) { return type != nullptr && *type == Json(name); };
  if (is("regression")) return Scores::kPlain;
  return is("multi_label_classification") || classes == 1 ? Scores::kSigmoid : Scores::kSoftmax;
}

Scores pair_scores_of(const Checkpoint& checkpoint) {
  const Json& config = checkpoint.config();
  const Json* now = config.find("sentence_transformers");
  const Json* function = now == nullptr ? nullptr : now->find("activation_fn");
  if (function == nullptr) function = config.find("sbert_ce_default_activation_function");
  if (function == nullptr || function->is_null()) return Scores::kSigmoid;
  const std::string& name = function->as_string(text(checkpoint.config_where(), ": the function of scores"));
  const std::string last = name.substr(name.rfind('.') + 1);
  if (last == "Sigmoid") return Scores::kSigmoid;
  require(last == "Identity", ErrorKind::kUnsupported, checkpoint.config_where(),
          ": the function of scores wanted Sigmoid or Identity, got \"", name, "\"");
  return Scores::kPlain;
}

std::vector<double> applied(Scores scores, std::span<const float> row) {
  std::vector<double> p(row.begin(), row.end());
  if (scores == Scores::kSigmoid) {
    for (double& v : p) v = 1 / (1 + std::exp(-v));
  }
  if (scores != Scores::kSoftmax) return p;
  const double most = *std::ranges::max_element(p);
  double sum = 0;
  for (double& v : p) sum += v = std::exp(v - most);
  for (double& v : p) v /= sum;
  return p;
}

}  // namespace ttt::app
