#include <array>
#include <cstddef>
#include <string_view>

#include "base/error.h"
#include "kernels/matmul/cpu/grouped_tiles.h"
#include "kernels/matmul/matmul.h"

namespace ttt::kernels {
namespace {

struct Level {
  std::string_view name;
  MatmulTileFn (*tile)(Format) noexcept;
};

// By IsaLevel. Products of bf16 have no part in grouped weights, f32 ones gain nothing from VNNI.
constexpr std::array<Level, 5> kInt8Levels{{{"sse2", sse2::grouped_tile},
                                            {"avx2", avx2::grouped_tile},
                                            {"avx512", avx512::grouped_tile},
                                            {"avx512_vnni", avx512_vnni::grouped_tile},
                                            {"avx512_vnni", avx512_vnni::grouped_tile}}};
constexpr std::array<Level, 5> kF32Levels{{{"sse2", sse2::grouped_tile_f32},
                                           {"avx2", avx2::grouped_tile_f32},
                                           {"avx512", avx512::grouped_tile_f32},
                                           {"avx512", avx512::grouped_tile_f32},
                                           {"avx512", avx512::grouped_tile_f32}}};

constexpr auto kFirst = static_cast<std::size_t>(Format::kQ4_0), kLast = static_cast<std::size_t>(Format::kBfp4B);
constexpr std::array<std::string_view, kLast - kFirst + 1> kFormatNames{
    "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q4_k", "q5_k", "q6_k", "int8", "int4", "bfp8_b", "bfp4_b"};

// "avx512_vnni.grouped_q4_1", with room to spare.
struct Name {
  std::array<char, 40> chars{};
  std::size_t size = 0;

  constexpr void append(std::string_view s) {
    for (const char c : s) chars[size++] = c;
  }
  constexpr std::string_view view() const { return {chars.data(), size}; }
};

using Names = std::array<std::array<Name, kFormatNames.size()>, 5>;

constexpr Names names_of(const std::array<Level, 5>& levels, std::string_view end) {
  Names names;
  for (std::size_t l = 0; l < levels.size(); ++l) {
    for (std::size_t f = 0; f < kFormatNames.size(); ++f) {
      names[l][f].append(levels[l].name);
      names[l][f].append(".grouped_");
      names[l][f].append(kFormatNames[f]);
      names[l][f].append(end);
    }
  }
  return names;
}

constexpr Names kInt8Names = names_of(kInt8Levels, "");
constexpr Names kF32Names = names_of(kF32Levels, "_f32");

}  // namespace

// One kernel serves every number of rows, bitwise the same for each row whatever the batch.
MatmulKernel select_grouped_matmul(const DeviceTraits& traits, Format weight, ActivationForm form, std::int64_t) {
  require(is_grouped(weight), ErrorKind::kUnsupported, "grouped matrix product wanted a grouped weight, got ",
          name_of(weight));
  require(form != ActivationForm::kBF16, ErrorKind::kUnsupported, "matrix product of ", name_of(weight),
          " weights wanted activations in int8 or f32, got bf16");
  const bool int8 = form == ActivationForm::kInt8;
  const auto level = static_cast<std::size_t>(traits.isa), format = static_cast<std::size_t>(weight) - kFirst;
  return {.form = form,
          .unit = 32,
          .tile = (int8 ? kInt8Levels : kF32Levels)[level].tile(weight),
          .name = (int8 ? kInt8Names : kF32Names)[level][format].view()};
}

}  // namespace ttt::kernels
