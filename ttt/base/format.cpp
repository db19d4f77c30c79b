#include "base/format.h"

#include <algorithm>
#include <array>

#include "base/checked.h"
#include "base/error.h"

namespace ttt {
namespace {

constexpr std::array<FormatTraits, 25> kTraits{{
    {"f32", 1, 4, 32},
    {"f16", 1, 2, 16},
    {"bf16", 1, 2, 16},
    {"q4_0", 32, 18, 4.5},
    {"q4_1", 32, 20, 5},
    {"q5_0", 32, 22, 5.5},
    {"q5_1", 32, 24, 6},
    {"q8_0", 32, 34, 8.5},
    {"q4_k", 256, 144, 4.5},
    {"q5_k", 256, 176, 5.5},
    {"q6_k", 256, 210, 6.5625},
    {"int8", 1, 0, 8},
    {"int4", 32, 0, 5},
    {"bfp8_b", 16, 0, 8.5},
    {"bfp4_b", 16, 0, 4.5},
    {"mxfp4", 32, 17, 4.25},
    {"f64", 1, 8, 64},
    {"i8", 1, 1, 8},
    {"i16", 1, 2, 16},
    {"i32", 1, 4, 32},
    {"i64", 1, 8, 64},
    {"u8", 1, 1, 8},
    {"bool", 1, 1, 8},
    {"other", 1, 0, 0},
    {},
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

bool is_grouped(Format format) { return format >= Format::kQ4_0 && format <= Format::kMXFP4; }

std::int64_t stored_bytes(Format format, std::int64_t elements, std::string_view what) {
  const FormatTraits& t = traits_of(format);
  require(t.block_bytes > 0, ErrorKind::kUnsupported, what, ": format ", t.name, " has no layout in files");
  require(elements % t.block_elements == 0, ErrorKind::kBadData, what, ": ", t.name, " wanted a multiple of ",
          t.block_elements, " values, got ", elements);
  return checked_mul(elements / t.block_elements, t.block_bytes, what);
}

}  // namespace ttt
