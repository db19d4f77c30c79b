#include "checkpoint/rope_parameters.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "checkpoint/printable.h"

namespace ttt {
namespace {

constexpr std::array<std::string_view, 7> kRopeTypes{"default",  "linear", "dynamic",     "yarn",
                                                     "longrope", "llama3", "proportional"};
constexpr std::string_view kOriginal = "original_max_position_embeddings", kPart = "partial_rotary_factor",
                           kTheta = "rope_theta";
constexpr NumberRange kAtLeastOne{.min = 1}, kPositive{.min = 0, .above_min = true},
    kShare{.min = 0, .max = 1, .above_min = true};

bool is_set(const Json* v) { return v != nullptr && !v->is_null(); }
bool holds_something(const Json* v) { return is_set(v) && *v != Json(Json::Object{}); }

bool is_by_layer(const Json& parameters, const std::string& where) {
  const Json::Object& members = parameters.as_object(where);
  return !members.empty() &&
         std::ranges::all_of(members, [](const Json::Member& m) { return m.second.is_object() || m.second.is_null(); });
}

// The parameters of one kind of layer, by whichever keys they are spelled.
struct Parameters {
  Json object = {};  // null: the configuration has none
  std::string where;
  bool by_layer = false;
};

// Both spellings in one file: the first difference between them.
void warn_of_differences(ConfigReader& config, const Json& scaling, const Json& parameters, std::string_view rule) {
  for (const auto& [key, v] : scaling.as_object(config.where())) {
    const bool is_type = key == "type" || key == "rope_type";
    const Json* other = parameters.find(is_type ? "rope_type" : key);
    if (is_type && !is_set(other)) other = parameters.find("type");
    if (v.is_null() || (is_set(other) && *other == v)) continue;
    config.contradiction(text("rope_scaling and rope_parameters contradict each other in ", printable(key), ": ",
                              v.dump(), " and ", is_set(other) ? other->dump() : "nothing", "; ", rule));
    return;
  }
}

Json of_layer(const Json& parameters, const RopeDefaults& defaults, std::string& where) {
  require(!defaults.layer_type.empty(), ErrorKind::kUnsupported, where,
          " holds parameters by kind of layer, which this model has not");
  const Json* one = parameters.find(defaults.layer_type);
  require(one != nullptr || defaults.scaling_key != RopeScalingKey::kReplaces, ErrorKind::kBadData, where, ": wanted ",
          defaults.layer_type, ", which is missing");
  where += text(": ", defaults.layer_type);
  return one == nullptr ? Json() : *one;
}

Parameters parameters_of(ConfigReader& config, const RopeDefaults& defaults) {
  const Json* scaling = config.value("rope_scaling");
  const Json* parameters = config.value("rope_parameters");
  Parameters found{.object = {}, .where = text(config.where(), ": rope_parameters")};
  const std::string scaling_where = text(config.where(), ": rope_scaling");
  if (scaling != nullptr) scaling->as_object(scaling_where);
  if (!is_set(scaling) && !is_set(parameters) && !defaults.absent.empty()) {
    found.object = Json::parse(defaults.absent, found.where);
    return found;
  }
  const bool scaled = holds_something(scaling) && defaults.scaling_key != RopeScalingKey::kIgnored;
  if (parameters != nullptr) {
    found.by_layer = is_by_layer(*parameters, found.where);
    found.object = found.by_layer ? of_layer(*parameters, defaults, found.where) : *parameters;
  }
  if (!scaled) return found;
  if (holds_something(&found.object)) {
    warn_of_differences(config, *scaling, found.object, "rope_scaling counts, as in the reference");
  }
  if (defaults.scaling_key == RopeScalingKey::kReplaces) {
    found = {.object = *scaling, .where = scaling_where, .by_layer = is_by_layer(*scaling, scaling_where)};
    if (found.by_layer) found.object = of_layer(*scaling, defaults, found.where);
    return found;
  }
  if (parameters == nullptr) found.where = scaling_where;
  if (!holds_something(&found.object)) found.object = Json(Json::Object{{"rope_type", Json("default")}});
  for (const auto& [key, v] : scaling->as_object(scaling_where)) found.object.set(key, v);
  return found;
}

std::string type_of(ConfigReader& config, const Parameters& p) {
  const Json* older = p.object.find("type");
  const Json* newer = p.object.find("rope_type");
  const Json* v = is_set(newer) ? newer : older;
  std::string type = is_set(v) ? v->as_string(p.where + ": rope_type") : "default";
  // Qwen2-VL writes type "mrope", which says how positions are laid out, beside rope_type "default".
  if (is_set(newer) && is_set(older) && *newer != *older && *older != Json("mrope")) {
    config.contradiction(
        text("type ", older->dump(), " and rope_type ", newer->dump(),
             " of the rotary parameters contradict each other; rope_type counts, as in the reference"));
  }
  if (type == "su") type = "longrope";  // as the first Phi-3 files call it
  if (std::ranges::find(kRopeTypes, type) == kRopeTypes.end()) {
    fail(ErrorKind::kUnsupported,
         {.where = p.where, .field = "rope_type", .problem = text(printable(type), " is not supported")});
  }
  return type;
}

// Reads what a type has into one object.
class Resolver {
 public:
  Resolver(ConfigReader& config, const RopeDefaults& defaults, const Parameters& p)
      : config_(config), defaults_(defaults), p_(p), c_(config.nested(p.object, p.where)) {
    for (const char* key : {"type", "rope_type"}) c_.value(key);
    max_positions_ = config.positions("max_position_embeddings").value_or(defaults.max_positions);
  }

  Json resolve(const std::string& type) {
    result_.set("rope_type", Json(type));
    read_theta();
    read_part(type);
    read_scaling(type);
    if (const Json* v = c_.value("mrope_section")) result_.set("mrope_section", *v);
    // What a type does not use does no harm where it is known.
    constexpr std::string_view kUnused[] = {"factor",
                                            "attention_factor",
                                            "beta_fast",
                                            "beta_slow",
                                            "mscale",
                                            "truncate",
                                            "finetuned",
                                            "mscale_all_dim",
                                            kOriginal,
                                            kPart,
                                            "long_factor",
                                            "short_factor",
                                            "low_freq_factor",
                                            "high_freq_factor",
                                            "llama_4_scaling_beta",
                                            "max_position_embeddings"};
    c_.finish(kUnused);
    return std::move(result_);
  }

 private:
  void set(std::string_view key, double v) { result_.set(key, Json(v)); }
  void wanted(std::string_view key, NumberRange range) { set(key, c_.number(key, range)); }
  void optional(std::string_view key, NumberRange range) {
    if (const auto v = c_.optional_number(key, range)) set(key, *v);
  }

  void read_theta() {
    const std::optional<double> inner = c_.optional_number(kTheta, kPositive);
    std::optional<double> outer;
    if (!defaults_.theta_key.empty()) outer = config_.optional_number(defaults_.theta_key, kPositive);
    const double theta = inner.value_or(outer.value_or(defaults_.theta));
    set(kTheta, theta);
    if (inner && outer && *inner != *outer && !p_.by_layer) {
      config_.contradiction(text(defaults_.theta_key, " is ", *outer, ", but ", *inner, " in ", p_.where,
                                 ", which counts, as in the reference"));
    }
    // rope_scaling takes the place of rope_parameters with all it holds.
    const Json* parameters = config_.value("rope_parameters");
    const Json* lost = parameters == nullptr ? nullptr : parameters->find(kTheta);
    if (!inner && is_set(lost) && lost->as_number(p_.where) != theta) {
      config_.contradiction(text("rope_theta ", lost->dump(),
                                 " of rope_parameters does not count beside rope_scaling, as in the reference, but ",
                                 theta));
    }
  }

  void read_part(const std::string& type) {
    const std::optional<double> outer = config_.optional_number(defaults_.part_key, kShare);
    std::optional<double> part = c_.has(kPart) ? c_.optional_number(kPart, kShare) : outer;
    if (!part && defaults_.part != 1) part = defaults_.part;
    if (!part) return;
    if (defaults_.rotates_part || type == "proportional") return set(kPart, *part);
    if (*part == 1) return;
    require(type == "default", ErrorKind::kUnsupported, p_.where, ": ", kPart, " ", *part, " beside rope_type ", type,
            " is not supported: models of this type turn whole heads");
    c_.has(kPart) ? c_.ignore(kPart) : config_.ignore(defaults_.part_key);
  }

  // Outside the object, as Phi-3 keeps it, it counts first.
  void read_original() {
    const IntegerRange range{.min = 1};
    const std::optional<std::int64_t> inner = c_.optional_integer(kOriginal, range);
    std::optional<std::int64_t> outer = p_.by_layer ? std::nullopt : config_.optional_integer(kOriginal, range);
    if (!outer && defaults_.original > 0) outer = defaults_.original;
    if (inner && outer && *inner != *outer) {
      config_.contradiction(text(kOriginal, " is ", *outer, ", but ", *inner, " in ", p_.where, "; ", *outer,
                                 " counts, as in the reference"));
    }
    original_ = outer ? *outer : inner.value_or(max_positions_);
    if (original_ == 0) c_.refuse(kOriginal, "is missing, and so is max_position_embeddings");
    result_.set(kOriginal, Json(original_));
  }

  // The factor between both lengths, where null or (`may_be_absent`) nothing stands for it.
  void read_factor(bool may_be_absent) {
    if (c_.has("factor") || (!may_be_absent && !c_.present("factor"))) return wanted("factor", kPositive);
    if (max_positions_ == 0) c_.refuse("factor", "is missing, and so is max_position_embeddings");
    set("factor", static_cast<double>(max_positions_) / static_cast<double>(original_));
  }

  void factors(std::string_view key) {
    const Json* v = c_.value(key);
    if (v == nullptr) c_.refuse(key, "is missing");
    for (const Json& item : v->as_array(text(c_.where(), ": ", key))) {
      const double x = item.as_number(text(c_.where(), ": ", key));
      if (!(x > 0) || !std::isfinite(x)) c_.refuse(key, text("wanted positive numbers, got ", x));
    }
    result_.set(key, *v);
  }

  void read_scaling(const std::string& type) {
    if (type == "linear") wanted("factor", kPositive);
    if (type == "proportional") optional("factor", kPositive);
    if (type == "dynamic") {
      wanted("factor", kAtLeastOne);
      if (max_positions_ == 0) config_.refuse("max_position_embeddings", "is missing, which rope_type dynamic reads");
      result_.set(kOriginal, Json(max_positions_));
    }
    if (type == "llama3") read_llama3();
    if (type == "yarn") read_yarn();
    if (type == "longrope") {
      read_original();
      read_factor(true);
      optional("attention_factor", kPositive);
      for (const char* key : {"short_mscale", "long_mscale"}) {
        if (defaults_.longrope_mscales) wanted(key, kPositive);
      }
      factors("short_factor");
      factors("long_factor");
    }
  }

  void read_llama3() {
    wanted("factor", kPositive);
    wanted("low_freq_factor", kPositive);
    wanted("high_freq_factor", kPositive);
    read_original();
    const double low = result_.at("low_freq_factor", "").as_number(""),
                 high = result_.at("high_freq_factor", "").as_number("");
    if (high <= low) c_.refuse("high_freq_factor", text("wanted above low_freq_factor ", low, ", got ", high));
  }

  void read_yarn() {
    read_original();
    read_factor(false);
    optional("attention_factor", kPositive);
    // The reference takes 0 for silence.
    for (const char* key : {"beta_fast", "beta_slow", "mscale", "mscale_all_dim"}) {
      const auto v = c_.optional_number(key, {.min = 0});
      if (v && *v > 0) set(key, *v);
    }
    // The reference looks for it beside the kinds of layers, where nobody writes it.
    if (!p_.by_layer) result_.set("truncate", Json(c_.boolean("truncate", !c_.present("truncate"))));
  }

  ConfigReader& config_;
  const RopeDefaults& defaults_;
  const Parameters& p_;
  ConfigReader c_;
  std::int64_t max_positions_ = 0, original_ = 0;
  Json result_ = Json(Json::Object{});
};

}  // namespace

Json rope_parameters(ConfigReader& config, const RopeDefaults& defaults) {
  const ConfigReader::Part part(config, "rope_parameters");
  Parameters p = parameters_of(config, defaults);
  if (p.object.is_null()) p.object = Json(Json::Object{});
  const std::string type = type_of(config, p);
  // Read in any case, so that a configuration that names it is not refused where a rule does not use it.
  config.value(kOriginal);
  Json result = Resolver(config, defaults, p).resolve(type);
  if (config.boolean("rope_freq_factors", false)) result.set("rope_freq_factors", Json(true));
  return result;
}

}  // namespace ttt
