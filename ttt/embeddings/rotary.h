#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "embeddings/rotary_scaling.h"

// Rotary position embedding: the pair i of a head's first rotary_dim values is rotated by the angle
//     f32(position) * inv_freq[i],   inv_freq[i] = base^(-2i / rotary_dim) before scaling
// and multiplied by an attention factor. Names of scalings and fields as in Hugging Face's rope_parameters.
namespace ttt {

enum class RotaryLayout : std::uint8_t {
  kHalfSplit,        // pairs (i, i + rotary_dim / 2)
  kInterleaved,      // pairs (2i, 2i + 1)
  kHalfSplitByAxis,  // each of n sections has rotary_dim / n consecutive values, split in halves
};
std::string_view name_of(RotaryLayout layout);

// The frequencies of pairs where there are several axes of positions.
enum class SectionFrequencies : std::uint8_t {
  kContinued,  // pair i has frequency i, whatever its axis (M-RoPE)
  kOwn,        // every axis has those of its own rotary_dim, twice its section (axial 2-D)
  kStrided,    // axis a of n has frequencies a, a + n, a + 2n, ... of rotary_dim
};
std::string_view name_of(SectionFrequencies frequencies);

struct RoPESpec {
  static constexpr std::string_view kName = "rope";
  std::int64_t rotary_dim = 0;  // even; at most the head's width
  double base = 10000;
  RotaryLayout layout = RotaryLayout::kHalfSplit;
  std::variant<NoScaling, LinearScaling, DynamicNTKScaling, Llama3Scaling, YaRNScaling, LongRoPEScaling,
               ProportionalScaling>
      scaling = NoScaling{};
  std::vector<float> freq_factors = {};  // [rotary_dim / 2] or empty; divide inv_freq
  // How many pairs each of several axes of positions (time, height, width) rotates; empty: one axis rotates all
  std::vector<std::int64_t> sections = {};
  bool interleaved_sections = false;  // pairs alternate between axes; else one section after the other
  SectionFrequencies section_frequencies = SectionFrequencies::kContinued;
  std::int64_t context = 0;  // length for which dynamic and longrope scale; 0: the original one
  bool operator==(const RoPESpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("rotary_dim", self.rotary_dim);
    visit("base", self.base);
    visit("layout", self.layout);
    visit("scaling", self.scaling);
    visit("freq_factors", self.freq_factors);
    visit("sections", self.sections);
    visit("interleaved_sections", self.interleaved_sections);
    visit("section_frequencies", self.section_frequencies);
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

// The axis of positions that rotates each pair; empty where there is one axis.
std::vector<std::int32_t> rope_axes(const RoPESpec& spec);
// The number of axes of positions, and the distance between the two values of a pair: (i, i + distance).
std::int64_t rope_position_axes(const RoPESpec& spec);
std::int64_t rope_block_pairs(const RoPESpec& spec);

}  // namespace ttt
