#include "runtime/embedding_modules.h"

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "checkpoint/json_file.h"

namespace ttt {
namespace {

namespace fs = std::filesystem;

bool is_true(const Json& json, std::string_view key) {
  const Json* v = json.find(key);
  return v != nullptr && *v == Json(true);
}

// A path from a file stays below the directory.
fs::path below(const fs::path& directory, const std::string& path, const std::string& where) {
  const fs::path p(path);
  bool inside = !p.is_absolute();
  for (const fs::path& part : p) inside = inside && part != "..";
  require(inside, ErrorKind::kBadData, where, ": path wanted a directory below this one, got \"", path, "\"");
  return p.empty() ? directory : directory / p;
}

PoolingKind read_pooling(const fs::path& directory) {
  const fs::path file = directory / "config.json";
  const std::optional<Json> json = read_json_if_there(file);
  require(json.has_value(), ErrorKind::kIo, file.string(), ": is missing");
  constexpr std::array<std::pair<std::string_view, PoolingKind>, 3> kKnown{
      {{"mean", PoolingKind::kMean}, {"cls", PoolingKind::kCls}, {"lasttoken", PoolingKind::kLast}}};
  std::vector<std::string> names;
  if (const Json* mode = json->find("pooling_mode"); mode != nullptr && mode->is_string()) {
    names.push_back(mode->as_string(file.string()));
  }
  for (const auto& [key, flag] : std::array<std::pair<std::string_view, std::string_view>, 6>{
           {{"pooling_mode_cls_token", "cls"},
            {"pooling_mode_mean_tokens", "mean"},
            {"pooling_mode_lasttoken", "lasttoken"},
            {"pooling_mode_max_tokens", "max"},
            {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len"},
            {"pooling_mode_weightedmean_tokens", "weightedmean"}}}) {
    if (is_true(*json, key)) names.emplace_back(flag);
  }
  if (names.empty()) names.emplace_back("mean");
  for (const auto& [name, kind] : kKnown) {
    if (names.size() == 1 && names[0] == name) return kind;
  }
  std::string all;
  for (const std::string& n : names) all += text(all.empty() ? "" : " and ", n);
  fail(ErrorKind::kUnsupported, text(file.string(), ": pooling wanted one of mean, cls, lasttoken, got ", all));
}

EmbeddingModules::DenseModule read_dense(const fs::path& directory) {
  const fs::path file = directory / "config.json";
  const std::optional<Json> json = read_json_if_there(file);
  require(json.has_value(), ErrorKind::kIo, file.string(), ": is missing");
  const std::string where = file.string();
  EmbeddingModules::DenseModule m{.directory = directory};
  m.spec.input_dim = json->at("in_features", where).as_integer(where);
  m.spec.output_dim = json->at("out_features", where).as_integer(where);
  constexpr std::int64_t kMost = 1 << 20;
  require(m.spec.input_dim > 0 && m.spec.output_dim > 0 && m.spec.input_dim <= kMost && m.spec.output_dim <= kMost,
          ErrorKind::kBadData, where, ": in_features and out_features wanted 1 to ", kMost, ", got ", m.spec.input_dim,
          " and ", m.spec.output_dim);
  const Json* bias = json->find("bias");
  m.spec.bias = bias == nullptr || *bias == Json(true);
  // A class of torch.nn by its full name; without one, tanh.
  const Json* function = json->find("activation_function");
  const std::string name = function == nullptr ? "Tanh" : function->as_string(where);
  const std::string last = name.substr(name.rfind('.') + 1);
  constexpr std::array<std::pair<std::string_view, Activation>, 6> kKnown{{{"Identity", Activation::kIdentity},
                                                                           {"Tanh", Activation::kTanh},
                                                                           {"ReLU", Activation::kRelu},
                                                                           {"GELU", Activation::kGelu},
                                                                           {"SiLU", Activation::kSilu},
                                                                           {"Sigmoid", Activation::kSigmoid}}};
  for (const auto& [known, activation] : kKnown) {
    if (last != known) continue;
    m.spec.activation = activation;
    return m;
  }
  fail(ErrorKind::kUnsupported, text(where, ": activation_function \"", name, "\" is not supported"));
}

void read_modules(const fs::path& directory, const Json& list, const std::string& where, EmbeddingModules& m) {
  bool pooled = false;
  for (const Json& module : list.as_array(where)) {
    const std::string type = module.at("type", where).as_string(where);
    const std::string kind = type.substr(type.rfind('.') + 1);
    const Json* path = module.find("path");
    const fs::path folder = below(directory, path == nullptr ? "" : path->as_string(where), where);
    if (kind == "Transformer") {
      require(folder == directory, ErrorKind::kUnsupported, where, ": the transformer wanted to be in ",
              directory.string(), ", got ", folder.string(), "; -m takes that directory");
    } else if (kind == "Pooling" && !pooled) {
      m.pooling = read_pooling(folder);
      pooled = true;
    } else if (kind == "Dense" && pooled && !m.normalize) {
      m.dense.push_back(read_dense(folder));
    } else if (kind == "Normalize" && pooled) {
      m.normalize = true;
    } else {
      fail(ErrorKind::kUnsupported, text(where, ": module \"", type, "\" is not supported at this place"));
    }
  }
  require(pooled, ErrorKind::kUnsupported, where, ": wanted a Pooling module, got none");
}

// As numbered by llama.cpp. 0, none, and 4, for rerankers, say nothing about embeddings.
PoolingKind gguf_pooling(const Checkpoint& checkpoint, const Json& pooling) {
  switch (pooling.as_integer("pooling_type")) {
    case 0:
    case 1:
    case 4:
      return PoolingKind::kMean;
    case 2:
      return PoolingKind::kCls;
    case 3:
      return PoolingKind::kLast;
    default:
      fail(ErrorKind::kUnsupported,
           text(checkpoint.config_where(), ": pooling_type wanted 0 to 4, got ", pooling.dump()));
  }
}

}  // namespace

EmbeddingModules read_embedding_modules(const Checkpoint& checkpoint) {
  const fs::path& directory = checkpoint.path();
  EmbeddingModules m;
  if (const Json* pooling = checkpoint.config().find("gguf_pooling_type"))
    m.pooling = gguf_pooling(checkpoint, *pooling);
  const fs::path modules = directory / "modules.json";
  if (const auto list = read_json_if_there(modules)) read_modules(directory, *list, modules.string(), m);
  const fs::path limits = directory / "sentence_bert_config.json";
  if (const auto json = read_json_if_there(limits)) {
    if (const Json* rows = json->find("max_seq_length"); rows != nullptr && !rows->is_null()) {
      m.max_rows = rows->as_integer(limits.string());
      require(m.max_rows >= 1, ErrorKind::kBadData, limits.string(), ": max_seq_length wanted at least 1, got ",
              m.max_rows);
    }
    require(!is_true(*json, "do_lower_case"), ErrorKind::kUnsupported, limits.string(),
            ": do_lower_case beside the tokenizer's own is not supported");
  }
  const fs::path prompts = directory / "config_sentence_transformers.json";
  if (const auto json = read_json_if_there(prompts)) {
    const Json* name = json->find("default_prompt_name");
    if (name != nullptr && !name->is_null()) {
      const std::string where = prompts.string();
      m.prompt = json->at("prompts", where).at(name->as_string(where), where).as_string(where);
    }
  }
  return m;
}

}  // namespace ttt
