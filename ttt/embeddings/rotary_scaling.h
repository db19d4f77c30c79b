#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

// The rules by which checkpoints stretch rotary frequencies to longer contexts; names of rules and fields as in Hugging
// Face's rope_parameters.
namespace ttt {

struct NoScaling {
  static constexpr std::string_view kName = "default";
  bool operator==(const NoScaling&) const = default;
  static void visit_fields(auto&, auto&&) {}
};

struct LinearScaling {
  static constexpr std::string_view kName = "linear";
  double factor = 1;
  bool operator==(const LinearScaling&) const = default;
  static void visit_fields(auto& self, auto&& visit) { visit("factor", self.factor); }
};

struct DynamicNTKScaling {
  static constexpr std::string_view kName = "dynamic";
  double factor = 1;
  std::int64_t original_max_position_embeddings = 0;
  bool operator==(const DynamicNTKScaling&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("factor", self.factor);
    visit("original_max_position_embeddings", self.original_max_position_embeddings);
  }
};

struct Llama3Scaling {
  static constexpr std::string_view kName = "llama3";
  double factor = 8, low_freq_factor = 1, high_freq_factor = 4;
  std::int64_t original_max_position_embeddings = 8192;
  bool operator==(const Llama3Scaling&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("factor", self.factor);
    visit("low_freq_factor", self.low_freq_factor);
    visit("high_freq_factor", self.high_freq_factor);
    visit("original_max_position_embeddings", self.original_max_position_embeddings);
  }
};

struct YaRNScaling {
  static constexpr std::string_view kName = "yarn";
  double factor = 1;
  std::int64_t original_max_position_embeddings = 0;
  double beta_fast = 32, beta_slow = 1;
  std::optional<double> attention_factor = {};  // absent: from factor, mscale and mscale_all_dim
  double mscale = 0, mscale_all_dim = 0;        // 0: not given
  bool truncate = true;
  bool operator==(const YaRNScaling&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("factor", self.factor);
    visit("original_max_position_embeddings", self.original_max_position_embeddings);
    visit("beta_fast", self.beta_fast);
    visit("beta_slow", self.beta_slow);
    visit("attention_factor", self.attention_factor);
    visit("mscale", self.mscale);
    visit("mscale_all_dim", self.mscale_all_dim);
    visit("truncate", self.truncate);
  }
};

struct LongRoPEScaling {
  static constexpr std::string_view kName = "longrope";
  std::vector<float> short_factor = {}, long_factor = {};  // [rotary_dim / 2]
  double factor = 1;  // default: max_position_embeddings / original; sets the attention factor
  std::int64_t original_max_position_embeddings = 0;
  std::optional<double> attention_factor = {};
  bool operator==(const LongRoPEScaling&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("short_factor", self.short_factor);
    visit("long_factor", self.long_factor);
    visit("factor", self.factor);
    visit("original_max_position_embeddings", self.original_max_position_embeddings);
    visit("attention_factor", self.attention_factor);
  }
};

// Only the first `proportion` of the pairs are rotated; exponents run over all of rotary_dim.
struct ProportionalScaling {
  static constexpr std::string_view kName = "proportional";
  double proportion = 1, factor = 1;
  bool operator==(const ProportionalScaling&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("proportion", self.proportion);
    visit("factor", self.factor);
  }
};

}  // namespace ttt
