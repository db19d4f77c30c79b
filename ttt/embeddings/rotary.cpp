#include "embeddings/rotary.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "base/enum_names.h"
#include "base/error.h"

namespace ttt {
namespace {

constexpr double kTwoPi = 2 * std::numbers::pi;

// base^exponent rounded once, as an accurate f32 power function gives it.
float power(double base, float exponent) {
  return static_cast<float>(std::pow(static_cast<double>(static_cast<float>(base)), static_cast<double>(exponent)));
}

// base^(2i / dim) for i in [0, pairs).
std::vector<float> powers(double base, std::int64_t dim, std::int64_t pairs) {
  std::vector<float> p(static_cast<std::size_t>(pairs));
  for (std::size_t i = 0; i < p.size(); ++i) p[i] = power(base, static_cast<float>(2 * i) / static_cast<float>(dim));
  return p;
}

RotaryFrequencies plain(const RoPESpec& s, double base) {
  RotaryFrequencies f{powers(base, s.rotary_dim, s.rotary_dim / 2), 1};
  for (float& x : f.inv_freq) x = 1.0f / x;
  return f;
}

// One overload per rule. All arithmetic on frequencies is in f32 and in the order of the widely used implementation,
// because positions near 10^6 magnify a difference of one unit in the last place to a visible angle.
RotaryFrequencies scaled(const RoPESpec& s, const NoScaling&, std::int64_t) { return plain(s, s.base); }

RotaryFrequencies scaled(const RoPESpec& s, const LinearScaling& rule, std::int64_t) {
  RotaryFrequencies f = plain(s, s.base);
  for (float& x : f.inv_freq) x /= static_cast<float>(rule.factor);
  return f;
}

RotaryFrequencies scaled(const RoPESpec& s, const DynamicNTKScaling& rule, std::int64_t context) {
  const double original = static_cast<double>(rule.original_max_position_embeddings);
  const double length = std::max(static_cast<double>(context), original), dim = static_cast<double>(s.rotary_dim);
  const double stretch = rule.factor * length / original - (rule.factor - 1);
  return plain(s, s.base * std::pow(stretch, dim / (dim - 2)));
}

RotaryFrequencies scaled(const RoPESpec& s, const Llama3Scaling& rule, std::int64_t) {
  RotaryFrequencies f = plain(s, s.base);
  const double original = static_cast<double>(rule.original_max_position_embeddings);
  const float low_wave = static_cast<float>(original / rule.low_freq_factor);
  const float high_wave = static_cast<float>(original / rule.high_freq_factor);
  const float factor = static_cast<float>(rule.factor), low = static_cast<float>(rule.low_freq_factor);
  for (float& x : f.inv_freq) {
    const float wave = static_cast<float>(kTwoPi) / x;
    if (wave > low_wave) {
      x = x / factor;
    } else if (!(wave < high_wave)) {
      const float smooth = (static_cast<float>(original) / wave - low) /
                           static_cast<float>(rule.high_freq_factor - rule.low_freq_factor);
      x = (1 - smooth) * x / factor + smooth * x;
    }
  }
  return f;
}

double magnitude_scale(double factor, double mscale) {
  return factor <= 1 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

RotaryFrequencies scaled(const RoPESpec& s, const YaRNScaling& rule, std::int64_t) {
  const double dim = static_cast<double>(s.rotary_dim);
  const auto correction = [&](double rotations) {
    const double original = static_cast<double>(rule.original_max_position_embeddings);
    return dim * std::log(original / (rotations * kTwoPi)) / (2 * std::log(s.base));
  };
  double low = correction(rule.beta_fast), high = correction(rule.beta_slow);
  if (rule.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dim - 1);
  if (low == high) high += 0.001;
  RotaryFrequencies f{powers(s.base, s.rotary_dim, s.rotary_dim / 2), 1};
  for (std::size_t i = 0; i < f.inv_freq.size(); ++i) {
    const float turned = 1.0f / f.inv_freq[i], squeezed = 1.0f / (static_cast<float>(rule.factor) * f.inv_freq[i]);
    const float ramp = (static_cast<float>(i) - static_cast<float>(low)) / static_cast<float>(high - low);
    const float keep = 1.0f - std::clamp(ramp, 0.0f, 1.0f);
    f.inv_freq[i] = squeezed * (1.0f - keep) + turned * keep;
  }
  const bool both = rule.mscale != 0 && rule.mscale_all_dim != 0;
  const double derived =
      both ? magnitude_scale(rule.factor, rule.mscale) / magnitude_scale(rule.factor, rule.mscale_all_dim)
           : magnitude_scale(rule.factor, 1);
  f.attention_factor = static_cast<float>(rule.attention_factor.value_or(derived));
  return f;
}

RotaryFrequencies scaled(const RoPESpec& s, const LongRoPEScaling& rule, std::int64_t context) {
  const std::vector<float>& factors =
      context > rule.original_max_position_embeddings ? rule.long_factor : rule.short_factor;
  RotaryFrequencies f{powers(s.base, s.rotary_dim, s.rotary_dim / 2), 1};
  for (std::size_t i = 0; i < f.inv_freq.size(); ++i) f.inv_freq[i] = 1.0f / (factors[i] * f.inv_freq[i]);
  const double original = static_cast<double>(rule.original_max_position_embeddings);
  const double derived = rule.factor <= 1 ? 1.0 : std::sqrt(1 + std::log(rule.factor) / std::log(original));
  f.attention_factor = static_cast<float>(rule.attention_factor.value_or(derived));
  return f;
}

RotaryFrequencies scaled(const RoPESpec& s, const ProportionalScaling& rule, std::int64_t) {
  const double turning = std::floor(rule.proportion * static_cast<double>(s.rotary_dim) / 2);
  RotaryFrequencies f{powers(s.base, s.rotary_dim, static_cast<std::int64_t>(turning)), 1};
  for (float& x : f.inv_freq) x = 1.0f / x / static_cast<float>(rule.factor);
  f.inv_freq.resize(static_cast<std::size_t>(s.rotary_dim / 2), 0.0f);
  return f;
}

void check_factor(double factor, std::string_view where) {
  require(factor > 0 && std::isfinite(factor), ErrorKind::kUsage, where, ".factor wanted a positive number, got ",
          factor);
}

void check_original(std::int64_t original, std::string_view where) {
  require(original > 0, ErrorKind::kUsage, where, ".original_max_position_embeddings wanted a positive number, got ",
          original);
}

void check(const RoPESpec&, const NoScaling&, std::string_view) {}
void check(const RoPESpec&, const LinearScaling& rule, std::string_view where) { check_factor(rule.factor, where); }
void check(const RoPESpec& s, const DynamicNTKScaling& rule, std::string_view where) {
  check_factor(rule.factor, where);
  check_original(rule.original_max_position_embeddings, where);
  require(s.rotary_dim > 2, ErrorKind::kUsage, where, " wanted a rotary_dim above 2, got ", s.rotary_dim);
}
void check(const RoPESpec&, const Llama3Scaling& rule, std::string_view where) {
  check_factor(rule.factor, where);
  check_original(rule.original_max_position_embeddings, where);
  require(rule.low_freq_factor > 0 && rule.high_freq_factor > rule.low_freq_factor, ErrorKind::kUsage, where,
          " wanted 0 < low_freq_factor < high_freq_factor, got ", rule.low_freq_factor, " and ", rule.high_freq_factor);
}
void check(const RoPESpec&, const YaRNScaling& rule, std::string_view where) {
  check_factor(rule.factor, where);
  check_original(rule.original_max_position_embeddings, where);
  require(rule.beta_slow > 0 && rule.beta_fast >= rule.beta_slow, ErrorKind::kUsage, where,
          " wanted 0 < beta_slow <= beta_fast, got ", rule.beta_slow, " and ", rule.beta_fast);
}
void check(const RoPESpec& s, const LongRoPEScaling& rule, std::string_view where) {
  check_factor(rule.factor, where);
  check_original(rule.original_max_position_embeddings, where);
  const std::size_t pairs = static_cast<std::size_t>(s.rotary_dim / 2);
  require(rule.short_factor.size() == pairs && rule.long_factor.size() == pairs, ErrorKind::kUsage, where,
          ".short_factor and long_factor wanted ", pairs, " values each, got ", rule.short_factor.size(), " and ",
          rule.long_factor.size());
}
void check(const RoPESpec&, const ProportionalScaling& rule, std::string_view where) {
  check_factor(rule.factor, where);
  require(rule.proportion >= 0 && rule.proportion <= 1, ErrorKind::kUsage, where,
          ".proportion wanted a number from 0 to 1, got ", rule.proportion);
}

// What only some ways to lay out several axes allow.
void check_sections(const RoPESpec& s, std::string_view where) {
  const bool equal = std::ranges::adjacent_find(s.sections, std::not_equal_to<>()) == s.sections.end();
  const bool blocks = !s.sections.empty() && equal && !s.interleaved_sections;
  require(s.layout != RotaryLayout::kHalfSplitByAxis || blocks, ErrorKind::kUsage, where,
          ".layout half_split_by_axis wanted equal sections one after the other, got others");
  if (s.section_frequencies == SectionFrequencies::kContinued) return;
  require(!s.sections.empty() && !s.interleaved_sections, ErrorKind::kUsage, where, ".section_frequencies ",
          name_of(s.section_frequencies), " wanted sections one after the other, got ",
          s.sections.empty() ? "none" : "interleaved ones");
  require(s.section_frequencies != SectionFrequencies::kStrided || equal, ErrorKind::kUsage, where,
          ".section_frequencies strided wanted equal sections, got others");
  require(std::holds_alternative<NoScaling>(s.scaling), ErrorKind::kUsage, where, ".section_frequencies ",
          name_of(s.section_frequencies), " wanted scaling default, got another");
}

// The frequencies of pairs that lie axis by axis; `all`: of rotary_dim.
std::vector<float> by_section(const RoPESpec& s, const std::vector<float>& all) {
  if (s.section_frequencies == SectionFrequencies::kContinued) return all;
  std::vector<float> f;
  for (std::size_t a = 0; a < s.sections.size(); ++a) {
    const std::int64_t pairs = s.sections[a];
    if (s.section_frequencies == SectionFrequencies::kOwn) {
      for (const float x : powers(s.base, 2 * pairs, pairs)) f.push_back(1.0f / x);
    } else {
      for (std::int64_t i = 0; i < pairs; ++i) f.push_back(all[a + static_cast<std::size_t>(i) * s.sections.size()]);
    }
  }
  return f;
}

}  // namespace

std::string_view name_of(RotaryLayout layout) {
  constexpr EnumNames<3> kNames{"half_split", "interleaved", "half_split_by_axis"};
  return name_in(kNames, layout);
}

std::string_view name_of(SectionFrequencies frequencies) {
  constexpr EnumNames<3> kNames{"continued", "own", "strided"};
  return name_in(kNames, frequencies);
}

void validate(const RoPESpec& s, std::string_view where) {
  require(s.rotary_dim > 0 && s.rotary_dim % 2 == 0, ErrorKind::kUsage, where,
          ".rotary_dim wanted a positive even number, got ", s.rotary_dim);
  require(s.base > 1 && std::isfinite(s.base), ErrorKind::kUsage, where, ".base wanted a number above 1, got ", s.base);
  require(s.freq_factors.empty() || static_cast<std::int64_t>(s.freq_factors.size()) == s.rotary_dim / 2,
          ErrorKind::kUsage, where, ".freq_factors wanted ", s.rotary_dim / 2, " values, got ", s.freq_factors.size());
  require(s.context >= 0, ErrorKind::kUsage, where, ".context wanted a number of at least 0, got ", s.context);
  std::int64_t turned = 0;
  for (const std::int64_t section : s.sections) {
    require(section >= 0, ErrorKind::kUsage, where, ".sections wanted numbers of at least 0, got ", section);
    turned += section;
  }
  require(s.sections.empty() || turned == s.rotary_dim / 2, ErrorKind::kUsage, where, ".sections wanted a sum of ",
          s.rotary_dim / 2, ", got ", turned);
  require(!s.interleaved_sections || !s.sections.empty(), ErrorKind::kUsage, where,
          ".interleaved_sections wanted sections, got none");
  check_sections(s, where);
  std::visit([&](const auto& rule) { check(s, rule, text(where, ".scaling")); }, s.scaling);
}

std::vector<std::int32_t> rope_axes(const RoPESpec& s) {
  std::vector<std::int32_t> axes;
  const std::int64_t count = static_cast<std::int64_t>(s.sections.size());
  if (!s.interleaved_sections) {
    for (std::int64_t a = 0; a < count; ++a) {
      axes.insert(axes.end(), static_cast<std::size_t>(s.sections[static_cast<std::size_t>(a)]),
                  static_cast<std::int32_t>(a));
    }
    return axes;
  }
  // An axis takes every count-th pair until its section is used up; the first one takes what is left.
  for (std::int64_t i = 0; i < s.rotary_dim / 2; ++i) {
    const bool own = i / count < s.sections[static_cast<std::size_t>(i % count)];
    axes.push_back(static_cast<std::int32_t>(own ? i % count : 0));
  }
  return axes;
}

std::int64_t rope_position_axes(const RoPESpec& s) {
  return std::max<std::int64_t>(static_cast<std::int64_t>(s.sections.size()), 1);
}

std::int64_t rope_block_pairs(const RoPESpec& s) {
  return s.rotary_dim / 2 / (s.layout == RotaryLayout::kHalfSplitByAxis ? rope_position_axes(s) : 1);
}

RotaryFrequencies rope_frequencies(const RoPESpec& s, std::int64_t context_length) {
  RotaryFrequencies f = std::visit([&](const auto& rule) { return scaled(s, rule, context_length); }, s.scaling);
  f.inv_freq = by_section(s, f.inv_freq);
  for (std::size_t i = 0; i < s.freq_factors.size(); ++i) f.inv_freq[i] /= s.freq_factors[i];
  return f;
}

}  // namespace ttt
