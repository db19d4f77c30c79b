#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/weight_store.h"
#include "kernels/formats/packed.h"
#include "tests/checkpoint/test_files.h"

// A checkpoint with a matrix m.weight, [kOut, kIn], for tests of what a WeightStore gives.
namespace ttt::testing {

inline std::vector<float> values(std::int64_t n, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> v(static_cast<std::size_t>(n));
  for (float& x : v) x = random.real();
  return v;
}

inline std::vector<std::uint16_t> to_bf16(const std::vector<float>& v) {
  std::vector<std::uint16_t> r;
  for (const float x : v) {
    const auto bits = std::bit_cast<std::uint32_t>(x);
    r.push_back(static_cast<std::uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16));
  }
  return r;
}

inline float from_bf16(std::uint16_t h) { return std::bit_cast<float>(std::uint32_t{h} << 16); }

// Row r of a row-major or packed view as f32.
inline std::vector<float> row_of(const ConstTensorView& v, std::int64_t r) {
  std::vector<float> x(static_cast<std::size_t>(v.dim(v.shape.rank() - 1)));
  if (v.layout == Layout::kPanels) {
    kernels::decode_packed_row(v, r, x.data());
  } else {
    kernels::decode_row(v, r, 0, static_cast<std::int64_t>(x.size()), x.data());
  }
  return x;
}

inline constexpr std::int64_t kOut = 48, kIn = 64;

class WeightStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<const Checkpoint> open(const std::string& safetensors, FileAccess access = FileAccess::kMap) {
    dir_.write("config.json", R"({"model_type":"llama"})");
    dir_.write("model.safetensors", safetensors);
    return open_checkpoint(dir_.path(), {}, {.access = access});
  }

  std::unique_ptr<const Checkpoint> open_matrix(const std::string& dtype, std::string_view bytes) {
    return open(SafetensorsWriter().add("m.weight", dtype, {kOut, kIn}, bytes).aligned());
  }

  static WeightRequest matrix(Cut cut = {}, std::optional<Format> format = {}) {
    return {
        .path = "m", .name = "weight", .shape = {kOut, kIn}, .cut = cut, .use = WeightUse::kMatrix, .format = format};
  }

  static bool is_mapped(const Checkpoint& c, const ConstTensorView& v) {
    for (const MappedRange& r : c.mapped_ranges()) {
      if (v.data >= r.data && v.data < r.data + r.bytes) return true;
    }
    return false;
  }

  const std::vector<float> m_ = values(kOut * kIn, 1);
  float at(std::int64_t r, std::int64_t c) const { return m_[static_cast<std::size_t>(r * kIn + c)]; }
  TempDir dir_;
};

}  // namespace ttt::testing
