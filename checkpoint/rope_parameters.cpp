#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "checkpoint/config_reader.h"
#include "checkpoint/printable.h"

namespace ttt {
namespace {

constexpr std::array<std::string_view, 6> kTypes{"default", "linear", "dynamic", "yarn", "longrope", "llama3"};

bool is_set(const Json* v) { return v != nullptr && !v->is_null(); }

// Files of a time of change hold both spellings; they may not differ.
void refuse_contradictions(const Json& scaling, const Json& parameters, const std::string& where) {
  for (const auto& [key, v] : scaling.as_object(where)) {
    const bool is_type = key == "type" || key == "rope_type";
    const Json* other = parameters.find(is_type ? "rope_type" : key);
    if (is_type && !is_set(other)) other = parameters.find("type");
    require(v.is_null() || (is_set(other) && *other == v), ErrorKind::kBadData, where,
            ": rope_scaling and rope_parameters contradict each other in ", printable(key), ": ", v.dump(), " and ",
            is_set(other) ? other->dump() : "nothing");
  }
}

// The object that holds the parameters, or null; `where` is completed to name it.
const Json* parameters_of(ConfigReader& config, std::string_view layer_type, std::string& where) {
  const Json* scaling = config.value("rope_scaling");
  const Json* parameters = config.value("rope_parameters");
  where = text(config.where(), parameters != nullptr ? ": rope_parameters" : ": rope_scaling");
  const Json* chosen = parameters != nullptr ? parameters : scaling;
  if (chosen == nullptr) return nullptr;
  const Json::Object& members = chosen->as_object(where);
  const bool by_layer = !members.empty() && std::all_of(members.begin(), members.end(), [](const auto& m) {
    return m.second.is_object() || m.second.is_null();
  });
  if (!by_layer && scaling != nullptr && parameters != nullptr) {
    refuse_contradictions(*scaling, *parameters, config.where());
  }
  if (!by_layer) return chosen;
  require(!layer_type.empty(), ErrorKind::kUnsupported, where,
          " holds parameters by kind of layer, which this model has not");
  const Json* one = chosen->find(layer_type);
  require(one != nullptr, ErrorKind::kBadData, where, ": wanted ", layer_type, ", which is missing");
  where += text(": ", layer_type);
  return one->is_null() ? nullptr : one;
}

std::string type_of(const Json& parameters, const std::string& where) {
  const Json* older = parameters.find("type");
  const Json* newer = parameters.find("rope_type");
  const Json* v = is_set(newer) ? newer : older;
  std::string type = is_set(v) ? v->as_string(where + ": rope_type") : "default";
  // Qwen2-VL writes type "mrope", which says how positions are laid out, beside rope_type "default".
  if (is_set(newer) && is_set(older) && *newer != *older && *older != Json("mrope")) {
    fail(ErrorKind::kBadData,
         {.where = where, .problem = text("type and rope_type contradict each other: ", older->dump(), " and ", type)});
  }
  if (type == "su") type = "longrope";  // as the first Phi-3 files call it
  if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end()) {
    fail(ErrorKind::kUnsupported,
         {.where = where, .field = "rope_type", .problem = text(printable(type), " is not supported")});
  }
  return type;
}

class Parameters {
 public:
  Parameters(ConfigReader reader, Json& result) : c_(std::move(reader)), result_(result) {
    c_.value("type");
    c_.value("rope_type");
  }

  void wanted(std::string_view key, NumberRange range) { result_.set(key, Json(c_.number(key, range))); }
  void optional(std::string_view key, NumberRange range) {
    if (const auto v = c_.optional_number(key, range)) result_.set(key, Json(*v));
  }
  void context(bool is_wanted) {
    constexpr std::string_view kKey = "original_max_position_embeddings";
    const IntegerRange range{.min = 1};
    if (is_wanted) c_.integer(kKey, range);
    if (const auto v = c_.optional_integer(kKey, range)) result_.set(kKey, Json(*v));
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
  void keep(std::string_view key) {
    if (const Json* v = c_.value(key)) result_.set(key, *v);
  }
  ConfigReader& reader() { return c_; }

 private:
  ConfigReader c_;
  Json& result_;
};

void read_type(Parameters& p, const std::string& type, Json& result) {
  const NumberRange at_least_one{.min = 1}, positive{.min = 0, .above_min = true};
  if (type == "linear" || type == "dynamic" || type == "yarn" || type == "llama3") p.wanted("factor", at_least_one);
  if (type == "llama3") {
    p.wanted("low_freq_factor", positive);
    p.wanted("high_freq_factor", positive);
    p.context(true);
    const double low = result.at("low_freq_factor", "").as_number(""),
                 high = result.at("high_freq_factor", "").as_number("");
    if (high <= low) p.reader().refuse("high_freq_factor", text("wanted above low_freq_factor ", low, ", got ", high));
    return;
  }
  p.context(false);
  if (type == "yarn") {
    for (const std::string_view key : {"attention_factor", "beta_fast", "beta_slow"}) p.optional(key, positive);
    for (const std::string_view key : {"mscale", "mscale_all_dim"}) p.optional(key, {.min = 0});
    p.keep("truncate");
  }
  if (type == "longrope") {
    p.optional("factor", at_least_one);
    p.optional("attention_factor", positive);
    p.factors("short_factor");
    p.factors("long_factor");
  }
}

}  // namespace

Json rope_parameters(ConfigReader& config, double default_theta, std::string_view layer_type) {
  const ConfigReader::Part part(config, "rope_parameters");
  const NumberRange positive{.min = 0, .above_min = true}, share{.min = 0, .max = 1, .above_min = true};
  Json result;
  std::string where;
  const Json* parameters = parameters_of(config, layer_type, where);
  const std::string type = parameters == nullptr ? "default" : type_of(*parameters, where);
  result.set("rope_type", Json(type));
  result.set("rope_theta", Json(config.number("rope_theta", default_theta, positive)));
  if (const auto v = config.optional_number("partial_rotary_factor", share))
    result.set("partial_rotary_factor", Json(*v));
  if (config.boolean("rope_freq_factors", false)) result.set("rope_freq_factors", Json(true));
  // Phi-3 keeps it beside the object.
  const auto context = config.optional_integer("original_max_position_embeddings", {.min = 1});
  if (context) result.set("original_max_position_embeddings", Json(*context));
  if (parameters == nullptr) return result;
  Parameters p(config.nested(*parameters, where), result);
  const bool two_thetas = layer_type.empty() && config.has("rope_theta") && is_set(parameters->find("rope_theta"));
  const Json outer = result.at("rope_theta", where);
  p.optional("rope_theta", positive);
  require(!two_thetas || result.at("rope_theta", where) == outer, ErrorKind::kBadData, config.where(),
          ": rope_theta is ", outer.dump(), ", but ", result.at("rope_theta", where).dump(), " in ", where);
  p.optional("partial_rotary_factor", share);
  p.keep("mrope_section");
  read_type(p, type, result);
  // What a type does not use does no harm where it is known.
  constexpr std::string_view kUnused[] = {"factor", "attention_factor", "beta_fast", "beta_slow", "finetuned"};
  p.reader().finish(kUnused);
  return result;
}

}  // namespace ttt
