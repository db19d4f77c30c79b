#include "kernels/formats/packed.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/checked.h"
#include "base/error.h"
#include "kernels/formats/packed_block.h"

namespace ttt::kernels {
namespace {

constexpr int kWidth = static_cast<int>(kPanelWidth);
constexpr int kSteps = 8;

PanelKind kind_of(Format format) {
  const PanelKind kind = panel_kind(format);
  require(kind.bits > 0, ErrorKind::kUnsupported, "packing wanted a grouped format, got ", name_of(format));
  return kind;
}

bool is_two_level(PanelKind kind) {
  return kind.scales == ScaleKind::kTwoLevel || kind.scales == ScaleKind::kTwoLevelNibbles ||
         kind.scales == ScaleKind::kTwoLevelSigned || kind.scales == ScaleKind::kSuper;
}

void check_source(Format format, const PackSource& s, std::int64_t in) {
  const std::string_view name = name_of(format);
  const PanelKind kind = kind_of(format);
  const ConstTensorView& rows = s.rows;
  const bool quantises = can_quantise_to(format);
  require(rows.layout == Layout::kRowMajor && rows.shape.rank() == 2, ErrorKind::kUnsupported, "packing to ", name,
          " wanted a row-major matrix, got ", rows.shape.to_string());
  require(rows.format == format || (quantises && is_dense(rows.format)), ErrorKind::kUnsupported, "packing to ", name,
          " wanted ", quantises ? "dense" : name, " rows, got ", name_of(rows.format));
  const std::int64_t unit = format == Format::kInt8               ? 1
                            : kind.scales == ScaleKind::kExponent ? kind.group
                                                                  : kBlockInputs;
  require(s.in_begin >= 0 && s.in_begin % unit == 0, ErrorKind::kBadData, "packing to ", name,
          " wanted in_begin at a multiple of ", unit, ", got ", s.in_begin);
  require(s.in_begin + in <= rows.dim(1), ErrorKind::kBadData, "packing to ", name, " wanted inputs up to ",
          s.in_begin + in, ", got rows of ", rows.dim(1));
  require(!is_two_level(kind) || s.in_begin % 256 == 0 || in % 256 != 0 || in == 0, ErrorKind::kUnsupported,
          "packing to ", name, " wanted a cut of ", in, " inputs to begin at a multiple of 256, got ", s.in_begin);
}

void check_rows(Format format, const PackSource& s, std::int64_t begin, std::int64_t end) {
  for (std::int64_t r = begin; r < end; ++r) {
    const std::int64_t row = s.row_index ? s.row_index[r] : r;
    require(row >= 0 && row < s.rows.dim(0), ErrorKind::kBadData, "packing to ", name_of(format),
            " wanted a row below ", s.rows.dim(0), ", got ", row);
  }
}

// Of the whole source row: the parts of a cut matrix then hold the codes of the whole.
float channel_scale(const ConstTensorView& rows, std::int64_t row) {
  const std::int64_t in = rows.dim(1);
  float most = 0, x[256];
  for (std::int64_t i = 0; i < in; i += 256) {
    const std::int64_t n = std::min<std::int64_t>(256, in - i);
    decode_row(rows, row, i, n, x);
    for (std::int64_t j = 0; j < n; ++j) most = std::max(most, std::fabs(x[j]));
  }
  return most / 127;
}

// One channel's way through the source.
struct ChannelReader {
  Format format = Format::kF32;
  const ConstTensorView* rows = nullptr;
  std::int64_t row = -1;  // -1: a channel beyond the last
  std::int64_t begin = 0, in = 0;
  float scale = 0;  // kInt8
  int zero = 0;     // the code of value 0

  BlockCodes block(std::int64_t b) const {
    BlockCodes codes;
    if (row < 0) {
      std::fill_n(codes.codes, 32, static_cast<std::uint8_t>(zero));
      return codes;
    }
    const std::int64_t at = begin + b * kBlockInputs;
    if (!is_dense(rows->format)) return read_stored_block(format, rows->row<std::byte>(row), at);
    float x[kBlockInputs];
    const std::int64_t n = std::min(kBlockInputs, in - b * kBlockInputs);
    decode_row(*rows, row, at, n, x);
    return format == Format::kInt8 ? quantise_block_int8(x, static_cast<int>(n), scale)
                                   : quantise_block(format, x, static_cast<int>(n));
  }
};

using Channels = std::array<BlockCodes, kPanelWidth>;

void write_codes(int bits, const Channels& channels, std::byte* to) {
  std::uint8_t steps[kSteps][64];
  for (int c = 0; c < kWidth; ++c) {
    for (int s = 0; s < kSteps; ++s)
      std::memcpy(&steps[s][4 * c], &channels[static_cast<std::size_t>(c)].codes[4 * s], 4);
  }
  if (bits == 8) {
    std::memcpy(to, steps, sizeof steps);
    return;
  }
  std::uint8_t packed[6][64] = {};
  if (bits < 4) {
    for (int s = 0; s < kSteps; ++s) {
      for (int i = 0; i < 64; ++i) {
        std::uint8_t& low = packed[s / 4][i];
        low = static_cast<std::uint8_t>(low | ((steps[s][i] & 3) << (2 * (s % 4))));
        packed[2][i] = static_cast<std::uint8_t>(packed[2][i] | (steps[s][i] >> 2 << s));
      }
    }
    std::memcpy(to, packed, static_cast<std::size_t>(bits) * 64);
    return;
  }
  for (int j = 0; j < 4; ++j) {
    for (int i = 0; i < 64; ++i) {
      packed[j][i] = static_cast<std::uint8_t>((steps[2 * j][i] & 15) | (steps[2 * j + 1][i] << 4));
    }
  }
  for (int s = 0; s < kSteps && bits > 4; ++s) {
    std::uint8_t* plane = packed[bits == 5 ? 4 : 4 + s / 4];
    const int shift = bits == 5 ? s : 2 * (s % 4);
    for (int i = 0; i < 64; ++i) plane[i] = static_cast<std::uint8_t>(plane[i] | (steps[s][i] >> 4 << shift));
  }
  std::memcpy(to, packed, static_cast<std::size_t>(bits) * 64);
}

// Vectors over the 16 channels, one per member of BlockCodes that the kind of scale uses.
template <class Get>
void write_vector(const Channels& channels, std::byte* to, const Get& get) {
  using T = decltype(get(channels[0]));
  std::array<T, kPanelWidth> v;
  for (std::size_t c = 0; c < v.size(); ++c) v[c] = get(channels[c]);
  std::memcpy(to, v.data(), sizeof v);
}

std::uint16_t scale_of(const BlockCodes& b) { return b.scale; }
std::uint16_t minimum_of(const BlockCodes& b) { return b.minimum; }

void write_scales(PanelKind kind, const PanelLayout& l, const Channels& channels, std::int64_t block,
                  std::byte* panel) {
  std::byte* own = panel + l.block_scales + block * l.block_scale_bytes;
  const std::int64_t super = block >> l.super_shift;
  switch (kind.scales) {
    case ScaleKind::kHalfMinimum:
      write_vector(channels, own + 32, minimum_of);
      [[fallthrough]];
    case ScaleKind::kHalf:
      write_vector(channels, own, scale_of);
      return;
    case ScaleKind::kTwoLevel:
      write_vector(channels, panel + 64 * super, scale_of);
      write_vector(channels, panel + 64 * super + 32, minimum_of);
      write_vector(channels, own, [](const BlockCodes& b) { return b.sub_scale[0]; });
      write_vector(channels, own + 16, [](const BlockCodes& b) { return b.sub_minimum[0]; });
      return;
    case ScaleKind::kTwoLevelNibbles:
      write_vector(channels, panel + 64 * super, scale_of);
      write_vector(channels, panel + 64 * super + 32, minimum_of);
      for (int h = 0; h < 2; ++h) {
        write_vector(channels, own + 16 * h, [h](const BlockCodes& b) {
          return static_cast<std::uint8_t>(b.sub_scale[h] | (b.sub_minimum[h] << 4));
        });
      }
      return;
    case ScaleKind::kSuper:
      write_vector(channels, panel + 32 * super, scale_of);
      return;
    case ScaleKind::kTwoLevelSigned:
      write_vector(channels, panel + 32 * super, scale_of);
      [[fallthrough]];
    case ScaleKind::kExponent:
      write_vector(channels, own, [](const BlockCodes& b) { return b.sub_scale[0]; });
      if (kind.group == 16) write_vector(channels, own + 16, [](const BlockCodes& b) { return b.sub_scale[1]; });
      return;
    case ScaleKind::kChannel:
      write_vector(channels, panel, [](const BlockCodes& b) { return b.channel_scale; });
      return;
  }
}

void pack_panel(Format format, const PackSource& source, std::int64_t out, std::int64_t in, std::int64_t panel,
                std::byte* to) {
  const PanelKind kind = kind_of(format);
  const PanelLayout layout = panel_layout(kind, in);
  std::array<ChannelReader, kPanelWidth> readers;
  for (std::size_t c = 0; c < readers.size(); ++c) {
    const std::int64_t r = panel * kPanelWidth + static_cast<std::int64_t>(c);
    const std::int64_t row = r >= out ? -1 : source.row_index ? source.row_index[r] : r;
    readers[c] = {format, &source.rows, row, source.in_begin, in, 0, kind.table == CodeTable::kNone ? kind.centre : 0};
    if (format == Format::kInt8 && row >= 0) readers[c].scale = channel_scale(source.rows, row);
  }
  std::memset(to, 0, static_cast<std::size_t>(layout.codes));
  Channels channels;
  for (std::int64_t b = 0; b < layout.blocks; ++b) {
    for (std::size_t c = 0; c < readers.size(); ++c) channels[c] = readers[c].block(b);
    write_scales(kind, layout, channels, b, to);
    write_codes(kind.bits, channels, to + layout.codes + b * layout.block_code_bytes);
  }
}

// The converse of write_codes and write_scales for one channel.
BlockCodes read_panel_block(PanelKind kind, const PanelLayout& l, const std::byte* panel, std::int64_t block, int c) {
  BlockCodes r;
  const std::byte* codes = panel + l.codes + block * l.block_code_bytes;
  for (int j = 0; j < 32; ++j) {
    const int s = j / 4, i = 4 * c + j % 4;
    const auto byte = [&](int row) { return std::to_integer<unsigned>(codes[row * 64 + i]); };
    // The low bits: 2 of codes of 2 and 3 bits, 8 of those of 8, else 4.
    unsigned code = 0;
    if (kind.bits < 4) {
      code = (byte(s / 4) >> (s % 4 * 2)) & 3u;
    } else if (kind.bits < 8) {
      code = (byte(s / 2) >> (s % 2 * 4)) & 15u;
    } else {
      code = byte(s);
    }
    if (kind.bits == 3) code |= ((byte(2) >> s) & 1u) << 2;
    if (kind.bits == 5) code |= ((byte(4) >> s) & 1u) << 4;
    if (kind.bits == 6) code |= ((byte(4 + s / 4) >> (s % 4 * 2)) & 3u) << 4;
    r.codes[j] = static_cast<std::uint8_t>(code);
  }
  const auto half_at = [&](const std::byte* p) {
    std::uint16_t h;
    std::memcpy(&h, p + 2 * c, sizeof h);
    return h;
  };
  const std::byte* own = panel + l.block_scales + block * l.block_scale_bytes;
  const std::int64_t super = block >> l.super_shift;
  switch (kind.scales) {
    case ScaleKind::kHalfMinimum:
      r.minimum = half_at(own + 32);
      [[fallthrough]];
    case ScaleKind::kHalf:
      r.scale = half_at(own);
      break;
    case ScaleKind::kTwoLevel:
      r.scale = half_at(panel + 64 * super);
      r.minimum = half_at(panel + 64 * super + 32);
      r.sub_scale[0] = std::to_integer<std::uint8_t>(own[c]);
      r.sub_minimum[0] = std::to_integer<std::uint8_t>(own[16 + c]);
      break;
    case ScaleKind::kTwoLevelNibbles:
      r.scale = half_at(panel + 64 * super);
      r.minimum = half_at(panel + 64 * super + 32);
      for (int h = 0; h < 2; ++h) {
        const auto both = std::to_integer<unsigned>(own[16 * h + c]);
        r.sub_scale[h] = static_cast<std::uint8_t>(both & 15u);
        r.sub_minimum[h] = static_cast<std::uint8_t>(both >> 4);
      }
      break;
    case ScaleKind::kSuper:
      r.scale = half_at(panel + 32 * super);
      break;
    case ScaleKind::kTwoLevelSigned:
      r.scale = half_at(panel + 32 * super);
      [[fallthrough]];
    case ScaleKind::kExponent:
      r.sub_scale[0] = std::to_integer<std::uint8_t>(own[c]);
      r.sub_scale[1] = kind.group == 16 ? std::to_integer<std::uint8_t>(own[16 + c]) : r.sub_scale[0];
      break;
    case ScaleKind::kChannel:
      std::memcpy(&r.channel_scale, panel + 4 * c, 4);
      break;
  }
  return r;
}

}  // namespace

std::int64_t packed_bytes(Format format, std::int64_t out, std::int64_t in) {
  const PanelKind kind = kind_of(format);
  const FormatTraits& t = traits_of(format);
  require(out >= 0 && in >= 0, ErrorKind::kBadData, "packing wanted extents of at least 0, got [", out, ", ", in, "]");
  require((can_quantise_to(format) && format != Format::kQ8_0) || in % kBlockInputs == 0, ErrorKind::kBadData,
          "packing to ", t.name, " wanted inputs in multiples of ", kBlockInputs, ", got ", in);
  // panel_layout itself does not check: a panel of any format stays below 32 bytes per input.
  checked_mul(checked_round_up(in, kBlockInputs, "packing"), 32, "packing");
  return checked_mul(panels_of(out), panel_layout(kind, in).bytes, "packing");
}

void pack_panels(Format format, const PackSource& source, std::int64_t out, std::int64_t in, std::int64_t panel_begin,
                 std::int64_t panel_end, std::byte* packed) {
  packed_bytes(format, out, in);
  check_source(format, source, in);
  require(panel_begin >= 0 && panel_end <= panels_of(out), ErrorKind::kUsage, "packing wanted panels within [0, ",
          panels_of(out), "], got [", panel_begin, ", ", panel_end, ")");
  check_rows(format, source, panel_begin * kPanelWidth, std::min(panel_end * kPanelWidth, out));
  const std::int64_t bytes = panel_layout(kind_of(format), in).bytes;
  for (std::int64_t p = panel_begin; p < panel_end; ++p) pack_panel(format, source, out, in, p, packed + p * bytes);
}

ConstTensorView packed_view(const std::byte* packed, Format format, std::int64_t out, std::int64_t in) {
  return {packed, format, Layout::kPanels, {out, in}, 0};
}

void decode_packed_part(const ConstTensorView& packed, std::int64_t r, std::int64_t begin, std::int64_t count,
                        float* out) {
  require(packed.layout == Layout::kPanels && packed.shape.rank() == 2, ErrorKind::kUnsupported,
          "decode_packed_row wanted packed panels, got ", packed.shape.to_string(), " in ", name_of(packed.format));
  require(r >= 0 && r < packed.dim(0), ErrorKind::kBadData, "decode_packed_row wanted a row below ", packed.dim(0),
          ", got ", r);
  require(begin >= 0 && begin % kBlockInputs == 0 && count >= 0 && count <= packed.dim(1) - begin, ErrorKind::kBadData,
          "decode_packed_part wanted inputs within [0, ", packed.dim(1), ") from a multiple of ", kBlockInputs,
          ", got ", begin, " + ", count);
  const PanelKind kind = kind_of(packed.format);
  const PanelLayout layout = panel_layout(kind, packed.dim(1));
  const std::byte* panel = packed.data + r / kPanelWidth * layout.bytes;
  float values[kBlockInputs];
  for (std::int64_t at = 0; at < count; at += kBlockInputs) {
    const std::int64_t block = (begin + at) / kBlockInputs;
    block_values(packed.format, read_panel_block(kind, layout, panel, block, static_cast<int>(r % kPanelWidth)),
                 values);
    std::copy_n(values, std::min(kBlockInputs, count - at), out + at);
  }
}

void decode_packed_row(const ConstTensorView& packed, std::int64_t r, float* out) {
  decode_packed_part(packed, r, 0, packed.shape.rank() == 2 ? packed.dim(1) : 0, out);
}

}  // namespace ttt::kernels
