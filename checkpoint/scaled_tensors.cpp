#include "checkpoint/scaled_tensors.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <set>
#include <string_view>

#include "base/error.h"
#include "checkpoint/printable.h"
#include "kernels/formats/dense_values.h"

namespace ttt {
namespace {

constexpr std::string_view kScale = "_scale", kInverse = "_scale_inv", kInput = ".input_scale";

// Codes of F8_E4M3 (OCP 8-bit floating point, E4M3): bias 7, no infinities, NaN where all bits but the sign are set.
std::array<float, 256> e4m3_values() {
  std::array<float, 256> values{};
  for (int code = 0; code < 256; ++code) {
    const int exponent = (code >> 3) & 15, mantissa = code & 7;
    const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -9)
                                          : std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
    const float v = (code & 127) == 127 ? std::nanf("") : magnitude;
    values[static_cast<std::size_t>(code)] = code & 128 ? -v : v;
  }
  return values;
}

// One scale for each block of rows x columns.
struct Scales {
  const std::byte* data = nullptr;  // null: all are 1
  Format format = Format::kF32;
  std::int64_t rows = 1, columns = 1;  // of a block
  std::int64_t across = 1;             // blocks side by side

  float at(std::int64_t row, std::int64_t column) const {
    float scale = 1;
    const std::int64_t i = row / rows * across + column / columns;
    if (data != nullptr) kernels::decode_dense(format, data + i * traits_of(format).block_bytes, 1, &scale);
    return scale;
  }
};

class Fp8Rows final : public AssembledRows {
 public:
  Fp8Rows(const std::byte* codes, std::int64_t in, const Scales& scales)
      : values_(e4m3_values()), codes_(codes), in_(in), scales_(scales) {}
  Format format() const override { return Format::kF32; }
  void read(std::int64_t row, std::byte* to) const override {
    for (std::int64_t begin = 0; begin < in_; begin += scales_.columns) {
      const float scale = scales_.at(row, begin);
      for (std::int64_t i = begin; i < std::min(in_, begin + scales_.columns); ++i) {
        const float v = values_[std::to_integer<std::size_t>(codes_[row * in_ + i])] * scale;
        std::memcpy(to + 4 * i, &v, sizeof v);
      }
    }
  }

 private:
  std::array<float, 256> values_;
  const std::byte* codes_;
  std::int64_t in_;
  Scales scales_;
};

class Int8Rows final : public AssembledRows {
 public:
  Int8Rows(const std::byte* codes, std::int64_t in, const Scales& scales) : codes_(codes), in_(in), scales_(scales) {}
  Format format() const override { return Format::kInt8; }
  void read(std::int64_t row, std::byte* to) const override {
    const float scale = scales_.at(row, 0);
    std::memcpy(to, &scale, sizeof scale);
    std::memcpy(to + sizeof scale, codes_ + row * in_, static_cast<std::size_t>(in_));
  }

 private:
  const std::byte* codes_;
  std::int64_t in_;
  Scales scales_;
};

[[noreturn]] void unsupported(const std::string& where, const std::string& problem) {
  fail(ErrorKind::kUnsupported, text(where, ": quantization_config: ", problem));
}

// The blocks of a square of scales; {0, 0} where the configuration knows none.
std::array<std::int64_t, 2> block_size(const Json& config, std::string_view key, const std::string& where) {
  const Json* size = config.find(key);
  if (size == nullptr || size->is_null()) return {0, 0};
  const Json::Array& items = size->as_array(text(where, ": ", key));
  if (items.size() != 2 || !items[0].is_integer() || !items[1].is_integer() || items[0].as_integer(key) < 1 ||
      items[1].as_integer(key) < 1) {
    unsupported(where, text(key, " wanted two positive numbers, got ", printable(size->dump())));
  }
  return {items[0].as_integer(key), items[1].as_integer(key)};
}

bool is_one_of(const Json* value, std::initializer_list<std::string_view> known) {
  return value != nullptr && std::ranges::any_of(known, [&](std::string_view k) { return *value == Json(k); });
}

// Checks what would change values; the scales' extents say the rest.
std::array<std::int64_t, 2> read_block_size(const Json& q, const std::string& where) {
  const Json& method = q.at("quant_method", where);
  if (method == Json("fp8")) {
    const Json* kind = q.find("fmt");
    if (kind != nullptr && !is_one_of(kind, {"e4m3", "float8_e4m3fn"})) {
      unsupported(where, text("fmt wanted e4m3, got ", printable(kind->dump())));
    }
    return block_size(q, "weight_block_size", where);
  }
  if (!(method == Json("compressed-tensors"))) return {0, 0};
  const Json* format = q.find("format");
  if (!is_one_of(format, {"float-quantized", "int-quantized", "naive-quantized"})) {
    unsupported(where, text("format wanted float-quantized or int-quantized, got ",
                            format == nullptr ? "none" : printable(format->dump())));
  }
  std::array<std::int64_t, 2> blocks{0, 0};
  const Json& groups = q.at("config_groups", where);
  for (const auto& [name, group] : groups.as_object(where + ": config_groups")) {
    const Json& weights = group.at("weights", text(where, ": config_groups: ", printable(name)));
    const Json *bits = weights.find("num_bits"), *symmetric = weights.find("symmetric");
    if (bits == nullptr || !(*bits == Json(8)) || (symmetric != nullptr && *symmetric == Json(false))) {
      unsupported(where, text("config_groups: ", printable(name), ": weights wanted 8 bits, symmetric"));
    }
    const Json* strategy = weights.find("strategy");
    if (!is_one_of(strategy, {"tensor", "channel", "block"})) {
      unsupported(where, text("config_groups: ", printable(name), ": strategy wanted tensor, channel or block, got ",
                              strategy == nullptr ? "none" : printable(strategy->dump())));
    }
    if (*strategy == Json("block")) blocks = block_size(weights, "block_structure", where);
  }
  return blocks;
}

Scales scales_of(const StoredTensor& t, const StoredTensor* s, const std::array<std::int64_t, 2>& blocks) {
  const std::int64_t out = t.shape[0], in = t.shape[1];
  Scales scales{.rows = std::max<std::int64_t>(out, 1), .columns = std::max<std::int64_t>(in, 1)};
  if (s == nullptr) return scales;
  scales.data = s->data;
  scales.format = s->format;
  const auto count = [](std::int64_t n, std::int64_t block) { return (n + block - 1) / block; };
  const bool square = blocks[0] > 0 && s->shape == Shape{count(out, blocks[0]), count(in, blocks[1])};
  if (square) {
    scales.rows = blocks[0], scales.columns = blocks[1], scales.across = s->shape[1];
  } else if (s->shape.elements() == out && s->shape.rank() >= 1 && s->shape[0] == out) {
    scales.rows = 1;
  } else if (s->shape.elements() != 1) {
    fail(ErrorKind::kBadData,
         text(s->file, ": tensor ", printable(s->name), " wanted one scale, one for each of ", out, " outputs",
              blocks[0] > 0 ? text(", or one for each block of ", blocks[0], " x ", blocks[1]) : std::string(),
              ", got ", s->shape.to_string()));
  }
  require(is_dense(s->format), ErrorKind::kUnsupported, s->file, ": tensor ", printable(s->name),
          " wanted scales in a floating-point format, got ", s->format_name);
  return scales;
}

}  // namespace

void join_scaled(std::vector<StoredTensor>& tensors, const Json& quantisation, const std::string& where) {
  const std::array<std::int64_t, 2> blocks = read_block_size(quantisation, where);
  std::map<std::string_view, const StoredTensor*> by_name;
  for (const StoredTensor& t : tensors) by_name.emplace(t.name, &t);
  std::set<std::string> scales;
  std::vector<StoredTensor> result = tensors;
  for (StoredTensor& t : result) {
    const bool fp8 = t.format == Format::kF8E4M3;
    if ((!fp8 && t.format != Format::kI8) || t.shape.rank() != 2 || t.unusable_rank) continue;
    const StoredTensor* scale = nullptr;
    for (const std::string_view ending : {kInverse, kScale}) {
      const auto found = by_name.find(text(t.name, ending));
      if (found == by_name.end()) continue;
      scale = found->second;
      scales.insert(scale->name);
    }
    if (scale == nullptr && !fp8) continue;
    const Scales made = scales_of(t, scale, blocks);
    if (fp8) {
      t.assembled = std::make_shared<Fp8Rows>(t.data, t.shape[1], made);
      continue;
    }
    require(made.columns >= t.shape[1], ErrorKind::kUnsupported, t.file, ": tensor ", printable(t.name),
            " of I8 wanted scales for whole outputs");
    require(t.shape[1] % 32 == 0, ErrorKind::kUnsupported, t.file, ": tensor ", printable(t.name),
            " of I8 wanted a multiple of 32 inputs, got ", t.shape[1]);
    t.format = Format::kInt8;
    t.assembled = std::make_shared<Int8Rows>(t.data, t.shape[1], made);
  }
  std::erase_if(result, [&](const StoredTensor& t) { return scales.contains(t.name) || t.name.ends_with(kInput); });
  tensors = std::move(result);
}

}  // namespace ttt
