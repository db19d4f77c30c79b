#include "support/random_checkpoint.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/error.h"

namespace ttt::support {

std::uint64_t fnv1a(std::string_view bytes) {
  std::uint64_t h = 0xCBF29CE484222325u;
  for (const char c : bytes) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return h;
}

std::uint64_t random_word(std::uint64_t seed, std::int64_t index) {
  std::uint64_t z = seed + (static_cast<std::uint64_t>(index) + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

std::vector<std::int32_t> random_tokens(std::int64_t vocab, std::int64_t count) {
  const std::uint64_t seed = fnv1a("tokens");
  std::vector<std::int32_t> ids;
  for (std::int64_t i = 0; i < count; ++i) {
    ids.push_back(static_cast<std::int32_t>((random_word(seed, i) >> 33) % static_cast<std::uint64_t>(vocab)));
  }
  return ids;
}

std::vector<std::uint16_t> random_weights(const RandomTensor& tensor) {
  constexpr std::pair<std::string_view, double> kFactors[] = {
      {"embed_tokens", 3.0}, {"lm_head", 3.0},   {"q_proj", 1.1},  {"k_proj", 1.1},   {"v_proj", 1.0},
      {"o_proj", 2.0},       {"gate_proj", 1.5}, {"up_proj", 1.0}, {"down_proj", 1.5}};
  const std::string_view name = tensor.name;
  const std::string_view path = name.substr(0, name.rfind('.'));
  const std::string_view module = path.substr(path.rfind('.') + 1);
  double centre = 0.0, amplitude = 0.5;  // of a bias
  if (module.ends_with("norm")) {
    centre = 1.0;
  } else if (!name.ends_with(".bias")) {
    const auto* factor = std::ranges::find(kFactors, module, &std::pair<std::string_view, double>::first);
    require(factor != std::end(kFactors), ErrorKind::kUsage, name, ": no factor for this kind of tensor");
    amplitude = factor->second * std::sqrt(3.0 / static_cast<double>(tensor.shape.back()));
  }
  const std::uint64_t seed = fnv1a(name);
  std::vector<std::uint16_t> values(static_cast<std::size_t>(tensor.elements()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto word = static_cast<double>(random_word(seed, static_cast<std::int64_t>(i)) >> 40);
    // Exact up to the product: each step is a power of two or fits 53 bits, so contraction cannot change it.
    const double scaled = amplitude * ((word + 0.5) * 0x1p-23 - 1.0);
    const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(centre + scaled));
    values[i] = static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
  }
  return values;
}

std::vector<RandomTensor> llama_tensors(const Json& config) {
  const auto integer = [&](std::string_view key, std::int64_t otherwise) {
    const Json* value = config.find(key);
    return value == nullptr || value->is_null() ? otherwise : value->as_integer(key);
  };
  const auto flag = [&](std::string_view key) {
    const Json* value = config.find(key);
    return value != nullptr && !value->is_null() && value->as_bool(key);
  };
  const std::int64_t hidden = integer("hidden_size", 0), ffn = integer("intermediate_size", 0);
  const std::int64_t vocab = integer("vocab_size", 0), heads = integer("num_attention_heads", 1);
  const std::int64_t kv_heads = integer("num_key_value_heads", heads), head_dim = integer("head_dim", hidden / heads);

  std::vector<RandomTensor> tensors{{"model.embed_tokens.weight", {vocab, hidden}}};
  const auto linear = [&](const std::string& name, std::int64_t rows, std::int64_t columns, bool bias) {
    tensors.push_back({name + ".weight", {rows, columns}});
    if (bias) tensors.push_back({name + ".bias", {rows}});
  };
  const bool attention_bias = flag("attention_bias"), mlp_bias = flag("mlp_bias");
  for (std::int64_t i = 0; i < integer("num_hidden_layers", 0); ++i) {
    const std::string layer = text("model.layers.", i, ".");
    tensors.push_back({layer + "input_layernorm.weight", {hidden}});
    linear(layer + "self_attn.q_proj", heads * head_dim, hidden, attention_bias);
    linear(layer + "self_attn.k_proj", kv_heads * head_dim, hidden, attention_bias);
    linear(layer + "self_attn.v_proj", kv_heads * head_dim, hidden, attention_bias);
    linear(layer + "self_attn.o_proj", hidden, heads * head_dim, attention_bias);
    tensors.push_back({layer + "post_attention_layernorm.weight", {hidden}});
    linear(layer + "mlp.gate_proj", ffn, hidden, mlp_bias);
    linear(layer + "mlp.up_proj", ffn, hidden, mlp_bias);
    linear(layer + "mlp.down_proj", hidden, ffn, mlp_bias);
  }
  tensors.push_back({"model.norm.weight", {hidden}});
  if (!flag("tie_word_embeddings")) tensors.push_back({"lm_head.weight", {vocab, hidden}});
  return tensors;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  require(in.good(), ErrorKind::kIo, path.string(), ": cannot open");
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  require(out.good(), ErrorKind::kIo, path.string(), ": cannot write");
}

std::string random_safetensors(std::span<const RandomTensor> tensors, StoredAs stored_as) {
  const std::int64_t width = stored_as == StoredAs::kBF16 ? 2 : 4;
  const auto append = [](std::string& bytes, std::uint64_t value, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
  };
  Json header(Json::Object{{"__metadata__", Json::Object{{"format", "pt"}}}});
  std::string data;
  for (const RandomTensor& tensor : tensors) {
    const auto begin = static_cast<std::int64_t>(data.size());
    for (const std::uint16_t value : random_weights(tensor)) {
      append(data, width == 2 ? std::uint64_t{value} : std::uint64_t{value} << 16, width);
    }
    header.set(tensor.name, Json::Object{{"dtype", width == 2 ? "BF16" : "F32"},
                                         {"shape", Json::Array(tensor.shape.begin(), tensor.shape.end())},
                                         {"data_offsets", Json::Array{begin, static_cast<std::int64_t>(data.size())}}});
  }
  std::string head = header.dump();
  head.append((8 - head.size() % 8) % 8, ' ');
  std::string bytes;
  append(bytes, head.size(), 8);
  return bytes + head + data;
}

void write_random_checkpoint(const std::filesystem::path& directory, Json config,
                             const RandomCheckpointOptions& options) {
  std::filesystem::create_directories(directory);
  const bool bf16 = options.stored_as == StoredAs::kBF16;
  config.set("dtype", bf16 ? "bfloat16" : "float32");
  write_file(directory / "config.json", config.dump(2) + "\n");

  std::vector<std::vector<RandomTensor>> shards(1);
  std::int64_t used = 0, total = 0;
  for (RandomTensor& tensor : llama_tensors(config)) {
    const std::int64_t bytes = tensor.elements() * (bf16 ? 2 : 4);
    if (options.shard_bytes > 0 && !shards.back().empty() && used + bytes > options.shard_bytes) {
      shards.emplace_back();
      used = 0;
    }
    used += bytes;
    total += bytes;
    shards.back().push_back(std::move(tensor));
  }
  if (shards.size() == 1) {
    write_file(directory / "model.safetensors", random_safetensors(shards[0], options.stored_as));
    return;
  }
  const auto five_digits = [](std::size_t n) {
    return std::string(5 - std::to_string(n).size(), '0') + std::to_string(n);
  };
  Json map(Json::Object{});
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string file = "model-" + five_digits(i + 1) + "-of-" + five_digits(shards.size()) + ".safetensors";
    write_file(directory / file, random_safetensors(shards[i], options.stored_as));
    for (const RandomTensor& tensor : shards[i]) map.set(tensor.name, file);
  }
  const Json index(Json::Object{{"metadata", Json::Object{{"total_size", total}}}, {"weight_map", map}});
  write_file(directory / "model.safetensors.index.json", index.dump(2) + "\n");
}

}  // namespace ttt::support
