#include "base/format.h"

#include <algorithm>
#include <array>

#include "base/checked.h"
#include "base/error.h"

namespace ttt {
namespace {

constexpr std::array<FormatTraits, 32> kTraits{{
    {"f32", 1, 4, 0, 32},          {"f16", 1, 2, 0, 16},
    {"bf16", 1, 2, 0, 16},         {"q4_0", 32, 18, 0, 4.5},
    {"q4_1", 32, 20, 0, 5},        {"q5_0", 32, 22, 0, 5.5},
    {"q5_1", 32, 24, 0, 6},        {"q8_0", 32, 34, 0, 8.5},
    {"q4_k", 256, 144, 0, 4.5},    {"q5_k", 256, 176, 0, 5.5},
    {"q6_k", 256, 210, 0, 6.5625}, {"int8", 32, 32, 4, 8},
    {"int4", 32, 20, 0, 5},        {"bfp8_b", 32, 34, 0, 8.5},
    {"bfp4_b", 32, 18, 0, 4.5},    {"mxfp4", 32, 17, 0, 4.25},
    {"q2_k", 256, 84, 0, 2.625},   {"q3_k", 256, 110, 0, 3.4375},
    {"iq4_nl", 32, 18, 0, 4.5},    {"iq4_xs", 256, 136, 0, 4.25},
    {"tq1_0", 256, 54, 0, 1.6875}, {"tq2_0", 256, 66, 0, 2.0625},
    {"f64", 1, 8, 0, 64},          {"i8", 1, 1, 0, 8},
    {"i16", 1, 2, 0, 16},          {"i32", 1, 4, 0, 32},
    {"i64", 1, 8, 0, 64},          {"u8", 1, 1, 0, 8},
    {"f8_e4m3", 1, 1, 0, 8},       {"bool", 1, 1, 0, 8},
    {"other", 1, 0, 0, 0},         {},
}};

}  // namespace

const FormatTraits& traits_of(Format format) {
  return kTraits[std::min(static_cast<std::size_t>(format), kTraits.size() - 1)];
}

std::optional<Format> format_named(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(Format::kOther); ++i) {
    if (kTraits[static_cast<std::size_t>(i)].name == name) return static_cast<Format>(i);
  }
  return std::nullopt;
}

bool is_dense(Format format) { return format <= Format::kBF16; }

bool is_grouped(Format format) { return format >= Format::kQ4_0 && format <= Format::kTQ2_0; }

bool can_quantise_to(Format format) {
  return format == Format::kQ8_0 || format == Format::kInt8 || format == Format::kInt4 || format == Format::kBfp8B ||
         format == Format::kBfp4B;
}

std::int64_t stored_bytes(Format format, std::int64_t elements, std::string_view what) {
  const FormatTraits& t = traits_of(format);
  require(t.block_bytes > 0, ErrorKind::kUnsupported, what, ": format ", t.name, " has no layout in files");
  require(elements % t.block_elements == 0, ErrorKind::kBadData, what, ": ", t.name, " wanted a multiple of ",
          t.block_elements, " values, got ", elements);
  return checked_add(checked_mul(elements / t.block_elements, t.block_bytes, what), t.row_bytes, what);
}

}  // namespace ttt
