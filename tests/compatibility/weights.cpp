#include "compatibility/weights.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <numbers>
#include <string>
#include <utility>

#include "checkpoint/gguf_spelling.h"
#include "checkpoint/test_files.h"
#include "kernels/formats/packed.h"
#include "support/random_checkpoint.h"
#include "testing/values.h"

namespace ttt::compatibility {
namespace {

using testing::put;

constexpr std::array kAllFormats{WeightFormat{"f32", Format::kF32, {}},
                                 WeightFormat{"f16", Format::kF16, {}},
                                 WeightFormat{"bf16", Format::kBF16, {}},
                                 WeightFormat{"q4_0", Format::kQ4_0, {}},
                                 WeightFormat{"q4_1", Format::kQ4_1, {}},
                                 WeightFormat{"q5_0", Format::kQ5_0, {}},
                                 WeightFormat{"q5_1", Format::kQ5_1, {}},
                                 WeightFormat{"q8_0", Format::kQ8_0, {}},
                                 WeightFormat{"q4_k", Format::kQ4_K, {}},
                                 WeightFormat{"q5_k", Format::kQ5_K, {}},
                                 WeightFormat{"q6_k", Format::kQ6_K, {}},
                                 WeightFormat{"int8", Format::kBF16, Format::kInt8},
                                 WeightFormat{"int4", Format::kBF16, Format::kInt4},
                                 WeightFormat{"bfp8_b", Format::kBF16, Format::kBfp8B},
                                 WeightFormat{"bfp4_b", Format::kBF16, Format::kBfp4B}};
constexpr std::array kFewFormats{WeightFormat{"f32", Format::kF32, {}}, WeightFormat{"bf16", Format::kBF16, {}},
                                 WeightFormat{"q4_0", Format::kQ4_0, {}}};

// A type of GGUF tensors, and where the f16 scales stand in a block, with their size for weights of about 0.1.
struct StoredType {
  std::uint32_t id;
  std::vector<std::pair<std::size_t, float>> scales;
};
const std::map<Format, StoredType>& stored_types() {
  static const std::map<Format, StoredType> kTypes{
      {Format::kF32, {0, {}}},
      {Format::kF16, {1, {}}},
      {Format::kBF16, {30, {}}},
      {Format::kI64, {27, {}}},
      {Format::kQ4_0, {2, {{0, 0.02f}}}},
      {Format::kQ4_1, {3, {{0, 0.02f}, {2, -0.15f}}}},
      {Format::kQ5_0, {6, {{0, 0.01f}}}},
      {Format::kQ5_1, {7, {{0, 0.01f}, {2, -0.15f}}}},
      {Format::kQ8_0, {8, {{0, 0.001f}}}},
      {Format::kQ4_K, {12, {{0, 0.0006f}, {2, 0.005f}}}},
      {Format::kQ5_K, {13, {{0, 0.0003f}, {2, 0.005f}}}},
      {Format::kQ6_K, {14, {{208, 0.0001f}}}},
  };
  return kTypes;
}

// The f16 next to zero from x, for values that are not too large for it.
std::uint16_t f16(float x) {
  std::uint32_t u = 0;
  std::memcpy(&u, &x, 4);
  const std::uint32_t exponent = (u >> 23) & 0xff, sign = u >> 16 & 0x8000;
  if (exponent > 112) return static_cast<std::uint16_t>(sign | ((exponent - 112) << 10) | (u >> 13 & 0x3ff));
  return static_cast<std::uint16_t>(sign | static_cast<std::uint32_t>(std::fabs(x) * 0x1p24f));  // a subnormal number
}

std::string dense(const std::vector<float>& values, Format format) {
  std::string s;
  for (const float v : values) {
    std::uint32_t u = 0;
    std::memcpy(&u, &v, 4);
    if (format == Format::kF32) put(s, v);
    if (format == Format::kF16) put(s, f16(v));
    if (format == Format::kBF16) put(s, static_cast<std::uint16_t>(u >> 16));
  }
  return s;
}

// Blocks of random codes, with scales that are `factor` times those of the table.
std::string random_blocks(std::int64_t elements, Format format, std::uint64_t seed, float factor) {
  const FormatTraits& t = traits_of(format);
  testing::Random random(seed);
  std::string s;
  for (std::int64_t b = 0; b < elements / t.block_elements; ++b) {
    std::string block;
    while (static_cast<std::int64_t>(block.size()) < t.block_bytes) {
      block.push_back(static_cast<char>(random.below(256)));
    }
    for (const auto& [at, scale] : stored_types().at(format).scales) {
      const std::uint16_t h = f16(factor * scale * (1.0f + 0.3f * random.real()));
      std::memcpy(block.data() + at, &h, 2);
    }
    s += block;
  }
  return s;
}

// The same with values of a typical size: large products would make a softmax enlarge what is rounded.
std::string grouped(const Shape& shape, Format format, std::uint64_t seed, double size) {
  const std::int64_t elements = shape.elements();
  const std::string first = random_blocks(elements, format, seed, 1);
  std::vector<float> values(static_cast<std::size_t>(elements));
  kernels::decode_row(view_of(reinterpret_cast<const std::byte*>(first.data()), format, {1, elements}), 0, 0, elements,
                      values.data());
  double squares = 0;
  for (const float v : values) squares += double{v} * v;
  const double typical = std::sqrt(squares / static_cast<double>(elements));
  return random_blocks(elements, format, seed, static_cast<float>(size / typical));
}

// Products of a matrix are about as large as their inputs.
double size_of(const WeightRequest& r) {
  if (r.use == WeightUse::kTable) return 1;
  return r.use == WeightUse::kMatrix ? 1 / std::sqrt(static_cast<double>(r.shape[1])) : 0.3;
}

// Gains lie around 1, biases around 0.
std::vector<float> values_of(const WeightRequest& r, std::uint64_t seed) {
  const bool gain = r.name.name.find("norm") != std::string::npos || r.name.name.find("scale") != std::string::npos;
  const bool around_one = gain && r.use == WeightUse::kVector;
  const double centre = around_one ? 1 : 0, width = size_of(r) * std::numbers::sqrt3;
  return testing::uniform(r.shape.elements(), 1, seed, centre - width, centre + width).data;
}

// The experts of each token: neighbours, so that none occurs twice in a row.
std::string expert_table(const WeightRequest& r) {
  std::string s;
  for (std::int64_t i = 0; i < r.shape[0]; ++i) {
    for (std::int64_t k = 0; k < r.shape[1]; ++k) put(s, (i * 3 + k) % 4);
  }
  return s;
}

// Rows of the whole tensor that a request selects from.
std::int64_t stored_rows(const WeightRequest& r) {
  const TensorName& n = r.name;
  return n.run == 0 ? r.shape[0] : std::max(n.stride * n.count, n.begin + n.stride * (n.count - 1) + n.run);
}

// The requests with whole tensors for the parts of tensors that some ask for.
std::vector<WeightRequest> tensors_of(std::span<const WeightRequest> requests) {
  std::map<std::string, std::size_t> index;
  std::vector<WeightRequest> tensors;
  for (const WeightRequest& r : requests) {
    const auto [at, first] = index.emplace(r.full_name(), tensors.size());
    if (first) tensors.push_back(r);
    WeightRequest& t = tensors[at->second];
    const std::int64_t rows = std::max(first ? 0 : t.shape[0], stored_rows(r));
    t.shape = r.shape.rank() == 1 ? Shape{rows} : Shape{rows, r.shape[1]};
  }
  return tensors;
}

void add(testing::GgufWriter& file, const WeightRequest& r, Format stored) {
  const std::string name = r.full_name();
  const std::uint64_t seed = support::fnv1a(name);
  const bool table = name.ends_with("tid2eid");
  const std::int64_t width = r.shape[r.shape.rank() - 1];
  if (r.use == WeightUse::kVector || width % traits_of(stored).block_elements != 0) stored = Format::kF32;
  if (table) stored = Format::kI64;
  const std::string data = table                ? expert_table(r)
                           : is_grouped(stored) ? grouped(r.shape, stored, seed, size_of(r))
                                                : dense(values_of(r, seed), stored);
  std::vector<std::uint64_t> extents;
  for (int i = r.shape.rank(); i-- > 0;) extents.push_back(static_cast<std::uint64_t>(r.shape[i]));
  file.tensor(name, extents, stored_types().at(stored).id, data);
}

}  // namespace

std::span<const WeightFormat> all_formats() { return kAllFormats; }
std::span<const WeightFormat> few_formats() { return kFewFormats; }

ConstTensorView RequestList::fetch(const WeightRequest& request) {
  requests_.push_back(request);
  return view_of(static_cast<const std::byte*>(nullptr), request.format.value_or(Format::kF32), request.cut_shape());
}

std::unique_ptr<const Checkpoint> write_checkpoint(const std::filesystem::path& path,
                                                   std::span<const WeightRequest> requests, Format stored) {
  testing::GgufWriter file;
  file.string("general.architecture", "blocks").u32("blocks.attention.head_count", 1).u32("blocks.embedding_length", 1);
  for (const WeightRequest& t : tensors_of(requests)) add(file, t, stored);
  support::write_file(path, file.bytes());
  static constexpr std::array kKeys{
      GgufKey{.key = "attention.head_count", .config = "num_attention_heads", .kind = GgufKeyKind::kInteger},
      GgufKey{.key = "embedding_length", .config = "hidden_size", .kind = GgufKeyKind::kInteger}};
  const GgufSpelling spelling{
      .architecture = "blocks", .model_type = "blocks", .hf_architecture = "Blocks", .keys = kKeys, .tensors = {}};
  return open_checkpoint(path, {&spelling, 1});
}

}  // namespace ttt::compatibility
