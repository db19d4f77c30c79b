#include "checkpoint/int4_tensors.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <string_view>

#include "base/checked.h"
#include "base/error.h"
#include "checkpoint/printable.h"
#include "kernels/formats/dense_values.h"
#include "kernels/formats/half.h"

namespace ttt {
namespace {

constexpr std::int64_t kBlock = 32, kCodes = 8;
constexpr std::string_view kWeights = ".qweight", kZeros = ".qzeros", kScales = ".scales", kGroups = ".g_idx";
// Where a word has the code of each of its eight outputs.
constexpr int kAwqPlaces[kCodes] = {0, 4, 1, 5, 2, 6, 3, 7};

struct Settings {
  bool awq = false;
  std::int64_t group = 128;  // -1: all inputs
  int zero_offset = 0;
};

struct Parts {
  const StoredTensor *weights = nullptr, *zeros = nullptr, *scales = nullptr, *groups = nullptr;
};

std::uint32_t word_at(const StoredTensor& t, std::int64_t i) {
  std::uint32_t w;
  std::memcpy(&w, t.data + 4 * i, sizeof w);
  return w;
}

std::uint32_t nibble(std::uint32_t word, int place) { return (word >> (4 * place)) & 15u; }

// The parts of one layer in the file; they stay mapped as long as the tensor is used.
class Int4Rows final : public AssembledRows {
 public:
  Int4Rows(const Settings& settings, const Parts& parts, std::int64_t out, std::int64_t in)
      : awq_(settings.awq),
        zero_offset_(settings.zero_offset),
        weights_(parts.weights->data),
        zeros_(parts.zeros->data),
        scales_(parts.scales->data),
        scale_format_(parts.scales->format),
        out_(out),
        in_(in),
        group_(settings.group < 0 ? in : settings.group) {
    centred_ = true;
    for (std::int64_t g = 0; g < in_ / group_ && centred_; ++g) {
      for (std::int64_t r = 0; r < out_ && centred_; ++r) centred_ = zero(g, r) == 8;
    }
  }

  Format format() const override { return centred_ ? Format::kQ4_0 : Format::kInt4; }

  void read(std::int64_t row, std::byte* to) const override {
    for (std::int64_t begin = 0; begin < in_; begin += kBlock) {
      const std::int64_t g = begin / group_;
      const float scale = scale_of(g, row);
      put_half(kernels::f32_to_f16(scale), to);
      if (!centred_) {
        put_half(kernels::f32_to_f16(-scale * static_cast<float>(zero(g, row))), to);
      }
      std::uint32_t codes[kBlock];
      for (std::int64_t i = 0; i < kBlock; ++i) codes[i] = code(begin + i, row);
      for (int j = 0; j < 16; ++j) *to++ = static_cast<std::byte>(codes[j] | (codes[j + 16] << 4));
    }
  }

  float scale_of(std::int64_t group, std::int64_t row) const {
    float scale = 0;
    const std::int64_t unit = traits_of(scale_format_).block_bytes;
    kernels::decode_dense(scale_format_, scales_ + (group * out_ + row) * unit, 1, &scale);
    return scale;
  }

 private:
  static void put_half(std::uint16_t h, std::byte*& to) {
    std::memcpy(to, &h, sizeof h);
    to += sizeof h;
  }
  static std::uint32_t word(const std::byte* words, std::int64_t i) {
    std::uint32_t w;
    std::memcpy(&w, words + 4 * i, sizeof w);
    return w;
  }
  int place(std::int64_t row) const { return awq_ ? kAwqPlaces[row % kCodes] : static_cast<int>(row % kCodes); }

  int zero(std::int64_t group, std::int64_t row) const {
    return static_cast<int>(nibble(word(zeros_, group * (out_ / kCodes) + row / kCodes), place(row))) + zero_offset_;
  }
  std::uint32_t code(std::int64_t input, std::int64_t row) const {
    if (awq_) return nibble(word(weights_, input * (out_ / kCodes) + row / kCodes), place(row));
    return nibble(word(weights_, input / kCodes * out_ + row), static_cast<int>(input % kCodes));
  }

  bool awq_;
  int zero_offset_;
  const std::byte *weights_, *zeros_, *scales_;
  Format scale_format_;
  std::int64_t out_, in_, group_;
  bool centred_ = false;  // every zero is 8
};

[[noreturn]] void unsupported(const std::string& where, std::string_view key, const Json& got,
                              const std::string& wanted) {
  fail(ErrorKind::kUnsupported,
       text(where, ": quantization_config: ", key, " wanted ", wanted, ", got ", printable(got.dump())));
}

const Json* either(const Json& j, std::string_view a, std::string_view b) {
  const Json* found = j.find(a);
  return found != nullptr ? found : j.find(b);
}

Settings read_settings(const Json& q, const std::string& where) {
  Settings s;
  s.awq = q.at("quant_method", where) == Json("awq");
  const Json* bits = either(q, "bits", "w_bit");
  if (bits == nullptr || !(*bits == Json(4))) unsupported(where, "bits", bits == nullptr ? Json() : *bits, "4");
  const Json* group = either(q, "group_size", "q_group_size");
  if (group == nullptr || !group->is_integer())
    unsupported(where, "group_size", group == nullptr ? Json() : *group, "a number");
  s.group = group->as_integer("group_size");
  if (s.group != -1 && s.group != 32 && s.group != 64 && s.group != 128) {
    unsupported(where, "group_size", *group, "32, 64, 128 or -1");
  }
  const Json* layout = q.find(s.awq ? "version" : "checkpoint_format");
  if (s.awq) {
    const bool gemm = layout == nullptr || layout->is_null() || *layout == Json("gemm") || *layout == Json("GEMM");
    if (!gemm) unsupported(where, "version", *layout, "gemm");
    return s;
  }
  const bool second = layout != nullptr && *layout == Json("gptq_v2");
  if (layout != nullptr && !layout->is_null() && !second && !(*layout == Json("gptq"))) {
    unsupported(where, "checkpoint_format", *layout, "gptq or gptq_v2");
  }
  s.zero_offset = second ? 0 : 1;
  const Json* dynamic = q.find("dynamic");
  if (dynamic != nullptr && !dynamic->is_null() && !(*dynamic == Json(Json::Object{}))) {
    unsupported(where, "dynamic", *dynamic, "the same settings for all layers");
  }
  return s;
}

void check_part(const StoredTensor* part, const std::string& name, const StoredTensor& weights, const Shape& shape) {
  require(part != nullptr, ErrorKind::kBadData, weights.file, ": tensor ", printable(weights.name), " has no ",
          printable(name));
  const bool scales = part->name.ends_with(kScales);
  require(part->shape == shape && (scales ? is_dense(part->format) : part->format == Format::kI32), ErrorKind::kBadData,
          part->file, ": tensor ", printable(part->name), " wanted ", shape.to_string(), " of ",
          scales ? "a floating-point format" : "I32", ", got ", part->shape.to_string(), " of ", part->format_name);
}

void check_order(const StoredTensor& groups, std::int64_t in, std::int64_t group) {
  for (std::int64_t i = 0; i < in; ++i) {
    require(word_at(groups, i) == static_cast<std::uint32_t>(i / group), ErrorKind::kUnsupported, groups.file,
            ": tensor ", printable(groups.name),
            " puts inputs into groups out of their order (desc_act), which is not read");
  }
}

StoredTensor joined(const Settings& settings, const Parts& parts, const std::string& stem) {
  const StoredTensor& w = *parts.weights;
  require(w.format == Format::kI32 && w.shape.rank() == 2, ErrorKind::kBadData, w.file, ": tensor ", printable(w.name),
          " wanted two extents of I32, got ", w.shape.to_string(), " of ", w.format_name);
  const std::int64_t in = settings.awq ? w.shape[0] : checked_mul(w.shape[0], kCodes, w.name);
  const std::int64_t out = settings.awq ? checked_mul(w.shape[1], kCodes, w.name) : w.shape[1];
  const std::int64_t group = settings.group < 0 ? in : settings.group;
  require(in > 0 && out > 0 && in % kBlock == 0 && in % group == 0 && out % kCodes == 0, ErrorKind::kUnsupported,
          w.file, ": tensor ", printable(w.name), " of ", out, " outputs and ", in,
          " inputs wanted inputs in groups of ", group, ", a multiple of 32, and outputs in eights");
  const std::int64_t groups = in / group;
  check_part(parts.zeros, stem + std::string(kZeros), w, {groups, out / kCodes});
  check_part(parts.scales, stem + std::string(kScales), w, {groups, out});
  if (parts.groups != nullptr) {
    check_part(parts.groups, stem + std::string(kGroups), w, {in});
    check_order(*parts.groups, in, group);
  }
  const auto rows = std::make_shared<Int4Rows>(settings, parts, out, in);
  StoredTensor t = w;
  t.name = stem + ".weight";
  t.format = rows->format();
  t.format_name = settings.awq ? "AWQ" : "GPTQ";
  t.shape = {out, in};
  t.assembled = rows;
  t.unlisted = w.unlisted || parts.zeros->unlisted || parts.scales->unlisted;
  return t;
}

}  // namespace

void join_int4(std::vector<StoredTensor>& tensors, const Json& quantisation, const std::string& where) {
  const Settings settings = read_settings(quantisation, where);
  std::map<std::string, Parts> layers;
  const auto add = [&](const StoredTensor& t, std::string_view ending, const StoredTensor* Parts::*part) {
    if (t.name.ends_with(ending)) layers[t.name.substr(0, t.name.size() - ending.size())].*part = &t;
  };
  for (const StoredTensor& t : tensors) {
    add(t, kWeights, &Parts::weights);
    add(t, kZeros, &Parts::zeros);
    add(t, kScales, &Parts::scales);
    add(t, kGroups, &Parts::groups);
  }
  std::vector<StoredTensor> result;
  for (const auto& [stem, parts] : layers) {
    if (parts.weights != nullptr) result.push_back(joined(settings, parts, stem));
  }
  const auto is_part = [&](const StoredTensor& t) {
    for (const std::string_view ending : {kWeights, kZeros, kScales, kGroups}) {
      if (!t.name.ends_with(ending)) continue;
      const auto layer = layers.find(t.name.substr(0, t.name.size() - ending.size()));
      return layer != layers.end() && layer->second.weights != nullptr;
    }
    return false;
  };
  for (StoredTensor& t : tensors) {
    if (!is_part(t)) result.push_back(t);
  }
  tensors = std::move(result);
}

}  // namespace ttt
