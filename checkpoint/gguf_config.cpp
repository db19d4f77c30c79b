#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

#include "base/error.h"
#include "checkpoint/gguf_translate.h"
#include "checkpoint/printable.h"

namespace ttt {
namespace {

// 1e-05 was written as f32: the double with the same shortest decimal is the number that the writer had.
double as_written(double value) {
  if (!(std::abs(value) <= static_cast<double>(std::numeric_limits<float>::max()))) return value;
  const auto narrow = static_cast<float>(value);
  if (static_cast<double>(narrow) != value) return value;
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, narrow);
  double result = value;
  std::from_chars(buffer, end.ptr, result);
  return result;
}

class ConfigTranslator {
 public:
  ConfigTranslator(const GgufFile& file, const GgufSpelling& spelling, ConfigReport& report)
      : file_(file), spelling_(spelling), report_(report), prefix_(text(spelling.architecture, ".")) {}

  Json translate() {
    config_.set("model_type", Json(spelling_.model_type));
    config_.set("gguf_architecture", Json(spelling_.architecture));
    config_.set("architectures", Json(Json::Array{Json(spelling_.hf_architecture)}));
    for (const GgufKey& k : spelling_.keys) apply(k);
    sizes();
    rope();
    token_ids();
    if (take("pooling_type")) config_.set("gguf_pooling_type", Json(file_.integer(prefix_ + "pooling_type")));
    judge_unknown();
    if (spelling_.complete != nullptr) spelling_.complete(file_, config_);
    return std::move(config_);
  }

 private:
  // The whole key when the file has it and no table entry was there first.
  bool take(std::string_view below) {
    std::string key = text(prefix_, below);
    if (file_.find(key) == nullptr || done_.contains(key)) return false;
    done_.insert(std::move(key));
    return true;
  }

  Json numbers(std::string_view key, bool whole) const {
    const GgufValue& v = *file_.find(key);
    const auto one = [&](double x, std::int64_t i) { return whole ? Json(i) : Json(as_written(x)); };
    if (!v.is_array) return whole ? Json(file_.integer(key)) : Json(as_written(file_.number(key)));
    Json::Array items;
    if (whole) {
      for (const std::int64_t i : file_.integers(key)) items.push_back(one(0, i));
    } else {
      for (const double x : file_.numbers(key)) items.push_back(one(x, 0));
    }
    return Json(std::move(items));
  }

  Json array(std::string_view key) const {
    const GgufValue& v = *file_.find(key);
    Json::Array items;
    if (v.is_array && v.type == GgufType::kBool) {
      for (const std::int64_t i : file_.integers(key)) items.push_back(Json(i != 0));
      return Json(std::move(items));
    }
    if (v.is_array && v.type == GgufType::kString) {
      for (const std::string_view s : file_.strings(key)) items.push_back(Json(s));
      return Json(std::move(items));
    }
    return numbers(key, v.type != GgufType::kF32 && v.type != GgufType::kF64);
  }

  void apply(const GgufKey& k) {
    if (k.key.ends_with('*')) {
      const std::string start = text(prefix_, k.key.substr(0, k.key.size() - 1));
      for (const std::string_view key : file_.keys()) {
        if (key.starts_with(start)) done_.insert(std::string(key));
      }
      return;
    }
    const std::string key = text(prefix_, k.key);
    if (!take(k.key)) return;
    switch (k.kind) {
      case GgufKeyKind::kInteger:
      case GgufKeyKind::kNumber: {
        Json v = numbers(key, k.kind == GgufKeyKind::kInteger);
        if (v.is_array()) {
          const Json::Array& items = v.as_array(key);
          const bool equal = !items.empty() && std::all_of(items.begin(), items.end(),
                                                           [&](const Json& item) { return item == items.front(); });
          config_.set(k.config, equal ? Json(items.front()) : v);
        } else {
          config_.set(k.config, std::move(v));
        }
        break;
      }
      case GgufKeyKind::kBoolean:
        config_.set(k.config, Json(file_.boolean(key)));
        break;
      case GgufKeyKind::kString:
        config_.set(k.config, Json(file_.string(key)));
        break;
      case GgufKeyKind::kArray:
        config_.set(k.config, array(key));
        break;
      case GgufKeyKind::kHarmless:
        break;
      case GgufKeyKind::kMustBe:
        must_be(key, k.value);
        break;
    }
  }

  void must_be(const std::string& key, double value) const {
    const GgufValue& v = *file_.find(key);
    const double got = v.type == GgufType::kBool ? static_cast<double>(file_.boolean(key)) : file_.number(key);
    require(as_written(got) == value, ErrorKind::kUnsupported, file_.path(), ": key ", printable(key),
            " is supported for architecture ", spelling_.architecture, " as ", value, " only, got ", as_written(got));
  }

  // A positive scalar of the configuration, or 0.
  std::int64_t integer(std::string_view key) const {
    const Json* v = config_.find(key);
    return v != nullptr && v->is_integer() ? v->as_integer(key) : 0;
  }

  void sizes() {
    const StoredTensor* embedding = file_.find_tensor("token_embd.weight");
    if (take("vocab_size")) config_.set("vocab_size", Json(file_.integer(prefix_ + "vocab_size")));
    if (embedding != nullptr && embedding->shape.rank() == 2) {
      config_.set("vocab_size", Json(embedding->shape[0]));
      const GgufValue* tokens = file_.find("tokenizer.ggml.tokens");
      require(tokens == nullptr || tokens->count <= embedding->shape[0], ErrorKind::kBadData, file_.path(),
              ": token_embd.weight wanted a row for each of the ", tokens == nullptr ? 0 : tokens->count,
              " tokens, got ", embedding->shape[0]);
    }
    config_.set("tie_word_embeddings", Json(file_.find_tensor("output.weight") == nullptr));
    const std::int64_t heads = integer("num_attention_heads"), hidden = integer("hidden_size");
    if (config_.find("num_key_value_heads") == nullptr && heads > 0) config_.set("num_key_value_heads", Json(heads));
    if (take("attention.key_length")) {
      config_.set("head_dim", Json(file_.integer(prefix_ + "attention.key_length")));
    } else if (config_.find("head_dim") == nullptr && heads > 0 && hidden % heads == 0) {
      config_.set("head_dim", Json(hidden / heads));
    }
    if (take("attention.value_length")) {
      const std::int64_t width = file_.integer(prefix_ + "attention.value_length");
      if (width != integer("head_dim")) config_.set("v_head_dim", Json(width));
    }
  }

  void rope() {
    if (take("rope.dimension_count")) {
      const std::int64_t rotated = file_.integer(prefix_ + "rope.dimension_count"), width = integer("head_dim");
      require(rotated > 0 && rotated % 2 == 0 && (width == 0 || rotated <= width), ErrorKind::kBadData, file_.path(),
              ": key ", prefix_, "rope.dimension_count wanted an even number up to ", width, ", got ", rotated);
      if (width > 0 && rotated != width) {
        // Readers truncate the product with the width, which may come out just below.
        const auto whole = static_cast<double>(width);
        double part = static_cast<double>(rotated) / whole;
        while (part * whole < static_cast<double>(rotated)) part = std::nextafter(part, 2.0);
        config_.set("partial_rotary_factor", Json(part));
      }
    }
    if (file_.find_tensor("rope_freqs.weight") != nullptr) config_.set("rope_freq_factors", Json(true));
    take("rope.scaling.finetuned");
    Json scaling = rope_scaling();
    if (!scaling.is_null()) config_.set("rope_scaling", std::move(scaling));
  }

  bool is_one(std::string_view below) const {
    const std::string key = text(prefix_, "rope.", below);
    return file_.find(key) != nullptr && file_.number(key) == 1;
  }

  // Without a type a factor means linear. Parameters of other types than the file's have no effect in llama.cpp.
  Json rope_scaling() {
    Json scaling;
    std::string type = "linear";
    if (take("rope.scaling.type")) type = std::string(file_.string(prefix_ + "rope.scaling.type"));
    const bool yarn = type == "yarn", longrope = type == "longrope";
    const struct {
      std::string_view file, config;
      bool used, may_be_one;
    } kNumbers[] = {
        {"scale_linear", "factor", type == "linear", false},  // files from before rope.scaling.*
        {"scaling.factor", "factor", type != "none", false},
        {"scaling.original_context_length", "original_max_position_embeddings", yarn || longrope, false},
        // Converters copy attention_factor, the whole factor of cosines and sines, under either name. As 1
        // the first says nothing: llama.cpp multiplies the usual factor of yarn by it.
        {"scaling.attn_factor", "attention_factor", longrope || (yarn && !is_one("scaling.attn_factor")), true},
        {"scaling.yarn_attn_factor", "attention_factor", yarn, false},
        {"scaling.yarn_ext_factor", "extrapolation_factor", false, true},
        {"scaling.yarn_beta_fast", "beta_fast", yarn, false},
        {"scaling.yarn_beta_slow", "beta_slow", yarn, false}};
    for (const auto& n : kNumbers) {
      const std::string below = text("rope.", n.file), key = prefix_ + below;
      if (!take(below)) continue;
      const GgufType kind = file_.find(key)->type;
      if (n.used) {
        scaling.set(n.config, numbers(key, kind != GgufType::kF32 && kind != GgufType::kF64));
      } else if (n.may_be_one) {
        must_be(key, 1);
      }
    }
    if (type == "none") return {};
    const Json* factor = scaling.find("factor");
    if (type == "linear" && (factor == nullptr || factor->as_number(prefix_ + "rope.scaling.factor") == 1)) return {};
    scaling.set("rope_type", Json(type));
    return scaling;
  }

  void token_ids() {
    const struct {
      std::string_view file, config;
    } kSpecialIds[] = {{"bos", "bos_token_id"}, {"padding", "pad_token_id"}, {"unknown", "unk_token_id"}};
    for (const auto& id : kSpecialIds) {
      const std::string key = text("tokenizer.ggml.", id.file, "_token_id");
      if (file_.find(key) != nullptr) config_.set(id.config, Json(file_.integer(key)));
    }
    Json::Array ends;
    for (const std::string_view end : {"eos", "eot", "eom"}) {
      const std::string key = text("tokenizer.ggml.", end, "_token_id");
      if (file_.find(key) == nullptr) continue;
      Json id(file_.integer(key));
      if (std::find(ends.begin(), ends.end(), id) == ends.end()) ends.push_back(std::move(id));
    }
    if (ends.size() == 1) {
      config_.set("eos_token_id", ends.front());
    } else if (!ends.empty()) {
      config_.set("eos_token_id", Json(std::move(ends)));
    }
  }

  bool asks_for_nothing(std::string_view key) const {
    const GgufValue& v = *file_.find(key);
    if (v.is_array) return v.count == 0;
    if (v.type == GgufType::kString) return file_.string(key).empty();
    return (v.type == GgufType::kBool ? static_cast<double>(file_.boolean(key)) : file_.number(key)) == 0;
  }

  void judge_unknown() {
    constexpr std::string_view kOfNoTextModel[] = {"classifier.output_labels", "tensor_data_layout"};
    for (const std::string_view key : file_.keys()) {
      if (!key.starts_with(prefix_) || done_.contains(key)) continue;
      const std::string_view below = key.substr(prefix_.size());
      const bool harmless =
          std::ranges::find(kOfNoTextModel, below) != std::end(kOfNoTextModel) || asks_for_nothing(key);
      const bool passes = report_.allow_unknown_keys || (harmless && !report_.strict);
      require(passes, ErrorKind::kUnsupported, file_.path(), ": key ", printable(key),
              " may change results and is not understood for architecture ", spelling_.architecture,
              " (--allow-unknown-keys ignores it)");
      report_.notes.push_back(text(file_.path(), ": key ", printable(key), " is ignored"));
    }
  }

  const GgufFile& file_;
  const GgufSpelling& spelling_;
  ConfigReport& report_;
  std::string prefix_;
  Json config_ = Json(Json::Object{});
  std::set<std::string, std::less<>> done_;
};

}  // namespace

const GgufSpelling& spelling_of(const GgufFile& file, std::span<const GgufSpelling> known) {
  const std::string_view name = file.architecture();
  for (const GgufSpelling& s : known) {
    if (s.architecture == name) return s;
  }
  std::string names;
  for (const GgufSpelling& s : known) names += (names.empty() ? "" : ", ") + std::string(s.architecture);
  fail(ErrorKind::kUnsupported, text(file.path(), ": general.architecture ", printable(name),
                                     " is not supported; supported are: ", names.empty() ? "none" : names));
}

Json gguf_config(const GgufFile& file, const GgufSpelling& spelling, ConfigReport* report) {
  ConfigReport unread;
  return ConfigTranslator(file, spelling, report == nullptr ? unread : *report).translate();
}

}  // namespace ttt
