#include "checkpoint/cache/layout_fingerprint.h"

#include <array>
#include <cstdint>
#include <vector>

#include "checkpoint/cache/content_hash.h"
#include "kernels/formats/dense_values.h"
#include "kernels/formats/packed.h"

namespace ttt {
namespace {

constexpr std::int64_t kOut = 17, kIn = 256;  // a whole panel and a part of one

// A sequence of bytes that is the same in every build.
std::vector<std::byte> fixed_bytes(std::int64_t count) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(count));
  std::uint32_t x = 12345;
  for (std::byte& b : bytes) {
    x = x * 1664525u + 1013904223u;
    b = static_cast<std::byte>(x >> 24);
  }
  return bytes;
}

std::vector<float> fixed_values() {
  const std::vector<std::byte> bytes = fixed_bytes(kOut * kIn);
  std::vector<float> values;
  for (const std::byte b : bytes) values.push_back(static_cast<float>(std::to_integer<int>(b) - 128) / 37.0f);
  return values;
}

void add_packed(ContentHash& h, Format format, const kernels::PackSource& source) {
  std::vector<std::byte> packed(static_cast<std::size_t>(kernels::packed_bytes(format, kOut, kIn)));
  kernels::pack_panels(format, source, kOut, kIn, 0, kernels::panels_of(kOut), packed.data());
  h.add(packed);
}

std::string make() {
  ContentHash h;
  const std::vector<float> values = fixed_values();
  for (int f = 0; f <= static_cast<int>(Format::kOther); ++f) {
    const auto format = static_cast<Format>(f);
    h.add(name_of(format));
    if (is_dense(format)) {
      std::vector<std::byte> encoded(static_cast<std::size_t>(stored_bytes(format, kOut * kIn, "fingerprint")));
      kernels::encode_dense(format, values.data(), kOut * kIn, encoded.data());
      h.add(encoded);
    }
    if (!is_grouped(format)) continue;
    const std::vector<std::byte> rows = fixed_bytes(kOut * stored_bytes(format, kIn, "fingerprint"));
    add_packed(h, format, {.rows = view_of(rows.data(), format, {kOut, kIn})});
    if (can_quantise_to(format)) add_packed(h, format, {.rows = view_of(values.data(), {kOut, kIn})});
  }
  return h.hex();
}

}  // namespace

const std::string& layout_fingerprint() {
  static const std::string fingerprint = make();
  return fingerprint;
}

}  // namespace ttt
