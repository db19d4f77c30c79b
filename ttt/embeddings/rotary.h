#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "base/format.h"

// Rotary position embedding: the pair i of a head's first rotary_dim values is turned by the angle
//     f32(position) * inv_freq[i],   inv_freq[i] = base^(-2i / rotary_dim) before scaling
// and multiplied by an attention factor. Names of scalings and fields as in Hugging Face's rope_parameters.
namespace ttt {

enum class RotaryLayout : std::uint8_t {
  kHalfSplit,    // pairs (i, i + rotary_dim / 2)
  kInterleaved,  // pairs (2i, 2i + 1)
};
std::string_view name_of(RotaryLayout layout);

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
  double factor = 1;  // max_position_embeddings / original where the configuration has none; sets the attention factor
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

// Only the first `proportion` of the pairs turn; exponents run over all of rotary_dim.
struct ProportionalScaling {
  static constexpr std::string_view kName = "proportional";
  double proportion = 1, factor = 1;
  bool operator==(const ProportionalScaling&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("proportion", self.proportion);
    visit("factor", self.factor);
  }
};

struct RoPESpec {
  static constexpr std::string_view kName = "rope";
  std::int64_t rotary_dim = 0;  // even; at most the head's width
  double base = 10000;
  RotaryLayout layout = RotaryLayout::kHalfSplit;
  std::variant<NoScaling, LinearScaling, DynamicNTKScaling, Llama3Scaling, YaRNScaling, LongRoPEScaling,
               ProportionalScaling>
      scaling = NoScaling{};
  std::vector<float> freq_factors = {};  // [rotary_dim / 2] or empty; divide inv_freq
  // Pairs turned by each of several axes of positions (time, height, width); empty: one axis turns all
  std::vector<std::int64_t> sections = {};
  bool interleaved_sections = false;  // axes take turns over the pairs; else one section after the other
  std::int64_t context = 0;           // length that dynamic and longrope scale for; 0: the original one
  bool operator==(const RoPESpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("rotary_dim", self.rotary_dim);
    visit("base", self.base);
    visit("layout", self.layout);
    visit("scaling", self.scaling);
    visit("freq_factors", self.freq_factors);
    visit("sections", self.sections);
    visit("interleaved_sections", self.interleaved_sections);
    visit("context", self.context);
  }
};

// Throws Error{kUsage} that starts with `where`.
void validate(const RoPESpec& spec, std::string_view where);

struct RotaryFrequencies {
  std::vector<float> inv_freq;  // [rotary_dim / 2]
  float attention_factor = 1;   // multiplies cos and sin
};
// For sequences of at most `context_length` rows, which only dynamic and longrope read.
RotaryFrequencies rope_frequencies(const RoPESpec& spec, std::int64_t context_length);

// The axis of positions that turns each pair; empty where there is one axis.
std::vector<std::int32_t> rope_axes(const RoPESpec& spec);

}  // namespace ttt
