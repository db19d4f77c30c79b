#include "support/tiny_model.h"

#include <algorithm>

namespace ttt::support {

Json golden_config(const std::string& shape) {
  const std::filesystem::path file =
      std::filesystem::path(TTT_SOURCE_DIR) / "tests/golden/llama" / shape / "config.json";
  return Json::parse(read_file(file), file.string());
}

Json tiny_config(std::int64_t vocab, std::int64_t positions) {
  Json config = golden_config("gqa");
  config.set("vocab_size", vocab);
  config.set("hidden_size", 32);
  config.set("intermediate_size", 48);
  config.set("num_hidden_layers", 1);
  config.set("num_attention_heads", 4);
  config.set("num_key_value_heads", 2);
  config.set("max_position_embeddings", positions);
  return config;
}

std::string f32_safetensors(const std::vector<NamedValues>& tensors) {
  Json header(Json::Object{});
  std::string data;
  for (const NamedValues& t : tensors) {
    const auto begin = static_cast<std::int64_t>(data.size());
    data.append(reinterpret_cast<const char*>(t.values.data()), t.values.size() * sizeof(float));
    header.set(t.tensor.name,
               Json::Object{{"dtype", "F32"},
                            {"shape", Json::Array(t.tensor.shape.begin(), t.tensor.shape.end())},
                            {"data_offsets", Json::Array{begin, static_cast<std::int64_t>(data.size())}}});
  }
  std::string head = header.dump();
  head.append((8 - head.size() % 8) % 8, ' ');
  std::uint64_t length = head.size();
  std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
  return bytes + head + data;
}

void write_constant_checkpoint(const std::filesystem::path& directory, Json config,
                               const std::function<float(std::int64_t id)>& logit) {
  std::filesystem::create_directories(directory);
  config.set("tie_word_embeddings", false);
  write_file(directory / "config.json", config.dump(2) + "\n");
  std::vector<NamedValues> tensors;
  for (RandomTensor& t : llama_tensors(config)) {
    std::vector<float> values(static_cast<std::size_t>(t.elements()));
    if (t.name.find("norm") != std::string::npos || t.name.find("embed") != std::string::npos) {
      std::fill(values.begin(), values.end(), 1.0f);
    }
    if (t.name == "lm_head.weight") {
      const auto width = static_cast<std::size_t>(t.shape[1]);
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = logit(static_cast<std::int64_t>(i / width)) / static_cast<float>(width);
      }
    }
    tensors.push_back({std::move(t), std::move(values)});
  }
  write_file(directory / "model.safetensors", f32_safetensors(tensors));
}

void write_chain_checkpoint(const std::filesystem::path& directory, Json config,
                            const std::vector<std::int32_t>& chain) {
  std::filesystem::create_directories(directory);
  config.set("tie_word_embeddings", false);
  write_file(directory / "config.json", config.dump(2) + "\n");
  std::vector<NamedValues> tensors;
  for (RandomTensor& t : llama_tensors(config)) {
    std::vector<float> values(static_cast<std::size_t>(t.elements()));
    if (t.name.find("norm") != std::string::npos) std::fill(values.begin(), values.end(), 1.0f);
    const bool embedding = t.name.find("embed") != std::string::npos;
    for (std::size_t i = 0; i + 1 < chain.size() && (embedding || t.name == "lm_head.weight"); ++i) {
      const auto row = static_cast<std::size_t>(chain[embedding ? i : i + 1]);
      values[row * static_cast<std::size_t>(t.shape[1]) + i] = 1.0f;
    }
    tensors.push_back({std::move(t), std::move(values)});
  }
  write_file(directory / "model.safetensors", f32_safetensors(tensors));
}

}  // namespace ttt::support
