#include "runtime/verify/spec_changes.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "testing/test_report.h"

namespace ttt {
namespace spec_changes_parts {
namespace {

double number_in(const Json& spec, std::string_view name) {
  const Json* v = spec.find(name);
  return v != nullptr && v->is_number() ? v->as_number(name) : 0;
}

std::vector<double> scales(const Json& spec) {
  const double hidden = number_in(spec, "hidden_dim");
  const double latent = number_in(spec, "qk_nope_head_dim") + number_in(spec, "qk_rope_head_dim");
  const double head = latent > 0 ? latent : number_in(spec, "head_dim");
  const double heads = number_in(spec, "num_heads");
  std::vector<double> all{1};
  if (head > 0) {
    all.insert(all.end(), {1 / std::sqrt(head), 1 / head});
    if (heads > 0) all.push_back(1 / std::sqrt(hidden / heads));
  } else if (hidden > 0) {
    all.insert(all.end(), {std::sqrt(hidden), 1 / std::sqrt(hidden)});
  }
  return all;
}

// What rules that stretch a context multiply rotations by, for the factors by which contexts are stretched.
std::vector<double> attention_factors(const Json& spec) {
  const Json* position = spec.find("position");
  const Json* scaling = position == nullptr ? nullptr : position->find("scaling");
  const double original = scaling == nullptr ? 0 : number_in(*scaling, "original_max_position_embeddings");
  std::vector<double> all{1};
  for (const double stretch : {2, 4, 8, 16, 32, 64}) {
    if (original > 1) all.push_back(std::sqrt(1 + std::log(stretch) / std::log(original)));  // longrope
    all.push_back(0.1 * std::log(stretch) + 1);                                              // yarn
  }
  return all;
}

Json* member(Json& object, const Path& path) {
  Json* at = &object;
  for (const std::string& name : path) at = at == nullptr ? nullptr : const_cast<Json*>(at->find(name));
  return at;
}

std::string shown(const Json& v) {
  if (v.is_null()) return "none";
  if (v.is_string()) return v.as_string("value");
  if (v.is_number()) return testing::short_number(v.as_number("value"));
  const Json* kind = v.find("kind");
  return kind != nullptr ? kind->as_string("kind") : v.dump();
}

std::string joined(const Path& path) {
  std::string s;
  for (const std::string& name : path) s += (s.empty() ? "" : ".") + name;
  return s;
}

// Biases are misread several at once: every set of two or more is flipped together.
void add_bias_sets(const Json& spec, std::vector<SpecChange>& out) {
  std::vector<std::string> biases;
  for (const auto& [name, value] : spec.as_object("spec")) {
    if (name.ends_with("_bias") && value.is_bool()) biases.push_back(name);
  }
  constexpr std::size_t kMostBiases = 6;  // 57 sets
  biases.resize(std::min(biases.size(), kMostBiases));
  for (unsigned set = 0; set < 1u << biases.size(); ++set) {
    if (std::popcount(set) < 2) continue;
    SpecChange change{.spec = spec};
    std::string to_true, to_false;
    for (std::size_t i = 0; i < biases.size(); ++i) {
      if ((set >> i & 1) == 0) continue;
      const bool value = !spec.find(biases[i])->as_bool(biases[i]);
      change.spec.set(biases[i], Json(value));
      change.edits.push_back({{biases[i]}, Json(value)});
      std::string& list = value ? to_true : to_false;
      list += (list.empty() ? "" : ", ") + biases[i];
    }
    if (!to_true.empty()) change.what = to_true + " true instead of false";
    if (!to_false.empty()) change.what += (to_true.empty() ? "" : " and ") + to_false + " false instead of true";
    out.push_back(std::move(change));
  }
}

}  // namespace

std::vector<Json> numbers_for(std::string_view name, const Json& spec) {
  std::vector<double> values;
  if (name == "eps" || name == "norm_eps") values = {1e-5, 1e-6, 1e-8, 1e-12, 1e-7, 1e-4, 1e-3, 1e-2, 0};
  if (name == "weight_offset") values = {0, 1};
  if (name == "base") values = {1e4, 5e5, 1e6, 1e5, 1.5e5, 1.6e5, 2.5e5, 5e6, 8e6, 1e7};
  if (name == "soft_cap") values = {30, 50};
  if (name == "max_timescale") values = {1e4, 1e3, 1e5, 1e6};
  if (name == "logit_scale" || name == "routed_scale") values = {1};
  if (name == "scale") values = scales(spec);
  if (name == "attention_factor") values = attention_factors(spec);
  std::vector<Json> all(values.begin(), values.end());
  if (name == "behind") all.emplace_back(std::int64_t{1} << 40);
  if (name == "offset") {  // of positions
    for (const std::int64_t o : {0, 1, 2}) all.emplace_back(o);
  }
  if (name == "top_k") {
    for (const std::int64_t k : {1, 2, 3, 4, 6, 8, 10}) all.emplace_back(k);
  }
  if (name == "rotary_dim") {
    const auto head = static_cast<std::int64_t>(number_in(spec, "head_dim"));
    for (const std::int64_t d : {head, head / 2, head / 4}) all.emplace_back(d);
  }
  return all;
}

std::vector<SpecChange> applied(const Json& spec, const std::vector<Change>& changes) {
  std::vector<SpecChange> all;
  for (const Change& c : changes) {
    SpecChange change{.spec = spec, .edits = {{c.path, c.value}}};
    Json* at = member(change.spec, c.path);
    if (at == nullptr || *at == c.value) continue;
    if (at->is_number() && c.value.is_number() &&
        static_cast<float>(at->as_number("value")) == static_cast<float>(c.value.as_number("value"))) {
      continue;
    }
    change.what = text(joined(c.path), " ", shown(c.value), " instead of ", shown(*at));
    *at = c.value;
    all.push_back(std::move(change));
  }
  add_bias_sets(spec, all);
  return all;
}

}  // namespace spec_changes_parts

std::optional<SpecChange> both(const SpecChange& a, const SpecChange& b) {
  SpecChange change = a;
  for (const auto& [path, value] : b.edits) {
    const auto same = [&wanted = path](const auto& edit) { return edit.first == wanted; };
    Json* at = spec_changes_parts::member(change.spec, path);
    if (at == nullptr || std::ranges::any_of(a.edits, same)) return std::nullopt;
    *at = value;
    change.edits.emplace_back(path, value);
  }
  change.what += " and " + b.what;
  return change;
}

}  // namespace ttt
