#include "checkpoint/gguf_types.h"

#include <algorithm>
#include <array>

namespace ttt {
namespace {

// Ids 4 and 5 (Q4_2, Q4_3), 31 to 33 and 36 to 38 (repacked Q4_0 and IQ4_NL) were withdrawn.
constexpr std::array<GgufTensorType, 34> kTypes{{
    {0, "F32", Format::kF32, 1, 4},
    {1, "F16", Format::kF16, 1, 2},
    {2, "Q4_0", Format::kQ4_0, 32, 18},
    {3, "Q4_1", Format::kQ4_1, 32, 20},
    {6, "Q5_0", Format::kQ5_0, 32, 22},
    {7, "Q5_1", Format::kQ5_1, 32, 24},
    {8, "Q8_0", Format::kQ8_0, 32, 34},
    {9, "Q8_1", Format::kOther, 32, 36},
    {10, "Q2_K", Format::kQ2_K, 256, 84},
    {11, "Q3_K", Format::kQ3_K, 256, 110},
    {12, "Q4_K", Format::kQ4_K, 256, 144},
    {13, "Q5_K", Format::kQ5_K, 256, 176},
    {14, "Q6_K", Format::kQ6_K, 256, 210},
    {15, "Q8_K", Format::kOther, 256, 292},
    {16, "IQ2_XXS", Format::kOther, 256, 66},
    {17, "IQ2_XS", Format::kOther, 256, 74},
    {18, "IQ3_XXS", Format::kOther, 256, 98},
    {19, "IQ1_S", Format::kOther, 256, 50},
    {20, "IQ4_NL", Format::kIQ4_NL, 32, 18},
    {21, "IQ3_S", Format::kOther, 256, 110},
    {22, "IQ2_S", Format::kOther, 256, 82},
    {23, "IQ4_XS", Format::kIQ4_XS, 256, 136},
    {24, "I8", Format::kI8, 1, 1},
    {25, "I16", Format::kI16, 1, 2},
    {26, "I32", Format::kI32, 1, 4},
    {27, "I64", Format::kI64, 1, 8},
    {28, "F64", Format::kF64, 1, 8},
    {29, "IQ1_M", Format::kOther, 256, 56},
    {30, "BF16", Format::kBF16, 1, 2},
    {34, "TQ1_0", Format::kTQ1_0, 256, 54},
    {35, "TQ2_0", Format::kTQ2_0, 256, 66},
    {39, "MXFP4", Format::kMXFP4, 32, 17},
    {40, "NVFP4", Format::kOther, 64, 36},
    {41, "Q1_0", Format::kOther, 128, 18},
}};

}  // namespace

std::optional<GgufTensorType> gguf_tensor_type(std::uint32_t id) {
  const auto type = std::find_if(kTypes.begin(), kTypes.end(), [&](const GgufTensorType& t) { return t.id == id; });
  if (type == kTypes.end()) return std::nullopt;
  return *type;
}

}  // namespace ttt
