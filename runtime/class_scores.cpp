#include "runtime/class_scores.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "base/error.h"

namespace ttt {

ClassScores class_scores(const Json& config, std::int64_t classes) {
  const Json* type = config.find("problem_type");
  const auto is = [&](std::string_view name) { return type != nullptr && *type == Json(name); };
  if (is("regression")) return ClassScores::kPlain;
  return is("multi_label_classification") || classes == 1 ? ClassScores::kSigmoid : ClassScores::kSoftmax;
}

ClassScores pair_scores(const Checkpoint& checkpoint) {
  const Json& config = checkpoint.config();
  const Json* now = config.find("sentence_transformers");
  const Json* function = now == nullptr ? nullptr : now->find("activation_fn");
  if (function == nullptr) function = config.find("sbert_ce_default_activation_function");
  if (function == nullptr || function->is_null()) return ClassScores::kSigmoid;
  const std::string& name = function->as_string(text(checkpoint.config_where(), ": the function of scores"));
  const std::string last = name.substr(name.rfind('.') + 1);
  if (last == "Sigmoid") return ClassScores::kSigmoid;
  require(last == "Identity", ErrorKind::kUnsupported, checkpoint.config_where(),
          ": the function of scores wanted Sigmoid or Identity, got \"", name, "\"");
  return ClassScores::kPlain;
}

bool classifies_tokens(const Json& config) {
  const Json* names = config.find("architectures");
  if (names == nullptr || !names->is_array() || names->as_array("architectures").empty()) return false;
  const Json& first = names->as_array("architectures")[0];
  return first.is_string() && first.as_string("architectures").ends_with("ForTokenClassification");
}

std::vector<double> apply_scores(ClassScores scores, std::span<const float> outputs) {
  std::vector<double> p(outputs.begin(), outputs.end());
  if (scores == ClassScores::kSigmoid) {
    for (double& v : p) v = 1 / (1 + std::exp(-v));
  }
  if (scores != ClassScores::kSoftmax || p.empty()) return p;
  const double most = *std::ranges::max_element(p);
  double sum = 0;
  for (double& v : p) sum += v = std::exp(v - most);
  for (double& v : p) v /= sum;
  return p;
}

std::string class_label(const Json& config, std::size_t i) {
  const Json* names = config.find("id2label");
  const Json* name = names == nullptr ? nullptr : names->find(text(i));
  return name != nullptr && name->is_string() ? name->as_string("id2label") : text("LABEL_", i);
}

}  // namespace ttt
