// The weights of SmolLM2's GGUF file as a Hugging Face directory in f32: the same model through the other container.

#include <gtest/gtest.h>

#include <cstdio>
#include <memory>

#include "support/model.h"
#include "support/random_checkpoint.h"
#include "support/real_model.h"
#include "testing/metrics.h"

namespace ttt {
namespace {

namespace fs = std::filesystem;

// Every tensor as the store hands it out in f32, under its Hugging Face name.
void write_f32_directory(const fs::path& gguf, const fs::path& directory) {
  const auto checkpoint = open_checkpoint(gguf, gguf_spellings(families()));
  fs::create_directories(directory);
  support::write_file(directory / "config.json", checkpoint->config().dump(2));
  Json header{Json::Object{}};
  std::int64_t at = 0;
  for (const StoredTensor& t : checkpoint->tensors()) {
    Json::Array shape;
    for (int i = 0; i < t.shape.rank(); ++i) shape.emplace_back(t.shape[i]);
    const std::int64_t bytes = t.shape.elements() * 4;
    header.set(t.name,
               Json(Json::Object{{"dtype", "F32"}, {"shape", shape}, {"data_offsets", Json::Array{at, at + bytes}}}));
    at += bytes;
  }
  std::string head = header.dump();
  head.append((64 - (head.size() + 8) % 64) % 64, ' ');
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      std::fopen((directory / "model.safetensors").c_str(), "wb"), std::fclose);
  ASSERT_NE(file, nullptr);
  const std::uint64_t length = head.size();
  std::fwrite(&length, sizeof length, 1, file.get());
  std::fwrite(head.data(), 1, head.size(), file.get());
  for (const StoredTensor& t : checkpoint->tensors()) {
    WeightStore store(*checkpoint);  // one for each: its memory goes again
    const WeightUse use = t.shape.rank() == 1 ? WeightUse::kVector : WeightUse::kMatrix;
    const ConstTensorView v = store.fetch({.name = "/" + t.name, .shape = t.shape, .use = use, .format = Format::kF32});
    const auto count = static_cast<std::size_t>(t.shape.elements());
    ASSERT_EQ(std::fwrite(v.data, sizeof(float), count, file.get()), count) << t.name;
  }
}

TEST(SmolLM2Directory, GivesTheLogitsOfTheGgufFile) {
  TTT_REQUIRE_MODEL(file, "TTT_SMOLLM2_GGUF");
  const support::TemporaryDirectory directory;
  write_f32_directory(file, directory.path());
  ASSERT_FALSE(HasFatalFailure());
  const std::vector<std::int32_t> ids = support::random_tokens(49152, 24);
  const auto logits = [&](const fs::path& path) {
    support::TestModel model(path, {.weight_format = Format::kF32, .state_format = Format::kF32}, 24);
    EXPECT_TRUE(model.loaded().tree().blocks.back().spec.at("tie_word_embeddings", "spec") == Json(true));
    return model.logits(ids, 20, 24);
  };
  const std::vector<float> gguf = logits(file), hf = logits(directory.path());
  EXPECT_LT(max_relative_error(gguf, hf), 1e-6);
}

}  // namespace
}  // namespace ttt
