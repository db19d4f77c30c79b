#include <optional>
#include <string>
#include <string_view>

#include "base/cpu_features.h"
#include "base/error.h"
#include "python/src/model.h"

namespace ttt::python {
namespace {

std::optional<Format> format_of(const std::string& name, const std::string& argument, std::string_view known) {
  if (name == "auto") return std::nullopt;
  const std::optional<Format> format = format_named(name);
  const bool listed = format && text(" ", known, " ").find(text(" ", name, " ")) != std::string::npos;
  require(listed, ErrorKind::kUsage, argument, " wanted one of: ", known, "; got \"", name, "\"");
  return format;
}

std::string isa_names() {
  std::string names;
  for (int i = 0; i < kIsaLevels; ++i) names += text(i == 0 ? "" : ", ", name_of(static_cast<IsaLevel>(i)));
  return names;
}

OutputKind output_of(const std::string& name) {
  for (const OutputKind kind :
       {OutputKind::kLogits, OutputKind::kHiddenStates, OutputKind::kClasses, OutputKind::kTokenClasses}) {
    if (name == name_of(kind)) return kind;
  }
  fail(ErrorKind::kUsage,
       text("output wanted \"logits\", \"hidden states\", \"classes\" or \"token classes\", got \"", name, "\""));
}

// The arguments, each of the type that it has to have.
class Arguments {
 public:
  explicit Arguments(const Json& json) : json_(json) {}

  const Json* find(std::string_view name) const {
    const Json* value = json_.find(name);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  std::optional<std::string> string(std::string_view name) const {
    const Json* value = find(name);
    if (value == nullptr) return std::nullopt;
    require(value->is_string(), ErrorKind::kUsage, name, " wanted a str, got ", value->type_name());
    return value->as_string("");
  }
  std::int64_t count(std::string_view name, std::int64_t otherwise) const {
    const Json* value = find(name);
    if (value == nullptr) return otherwise;
    require(value->is_integer() && value->as_integer("") >= 0, ErrorKind::kUsage, name,
            " wanted a number of at least 0, got ", value->dump());
    return value->as_integer("");
  }
  bool flag(std::string_view name, bool otherwise) const {
    const Json* value = find(name);
    if (value == nullptr) return otherwise;
    require(value->is_bool(), ErrorKind::kUsage, name, " wanted a bool, got ", value->type_name());
    return value->as_bool("");
  }

 private:
  const Json& json_;
};

}  // namespace

ModelOptions model_options(const Json& json) {
  const Arguments arguments(json);
  ModelOptions options;
  LoadOptions& load = options.load;
  if (const auto isa = arguments.string("isa")) {
    const std::optional<IsaLevel> level = isa_named(*isa);
    require(level.has_value(), ErrorKind::kUsage, "isa wanted one of: ", isa_names(), "; got \"", *isa, "\"");
    load.traits = with_isa(load.traits, *level);
  }
  if (const auto name = arguments.string("strategy")) {
    const std::optional<Strategy> strategy = strategy_named(*name);
    require(strategy.has_value(), ErrorKind::kUsage,
            "strategy wanted default, performance, accuracy, memory, reference or invariant, got \"", *name, "\"");
    load.strategy = *strategy;
  }
  if (const auto name = arguments.string("format")) {
    load.weight_format = format_of(*name, "format", "f32 bf16 f16 int8 int4 bfp8_b bfp4_b");
  }
  if (const auto name = arguments.string("kv_format")) {
    load.state_format = format_of(*name, "kv_format", "f32 bf16 int8 bfp8_b");
  }
  if (const Json* impl = arguments.find("impl")) load.impl = *impl;
  load.impl_where = "impl";
  if (const auto name = arguments.string("output")) load.output = output_of(*name);
  load.context = arguments.count("ctx", 0);
  load.source_rows = arguments.count("source_rows", 0);
  load.strict = arguments.flag("strict", false);
  load.allow_unknown_keys = arguments.flag("allow_unknown_keys", false);
  options.threads = arguments.count("threads", 0);
  options.chunk = arguments.count("chunk", options.chunk);
  require(options.chunk > 0, ErrorKind::kUsage, "chunk wanted a positive number, got 0");
  options.map = arguments.flag("mmap", true);
  return options;
}

}  // namespace ttt::python
