#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/weights.h"
#include "checkpoint/checkpoint.h"

// Checkpoints of random weights for whatever a block asks for, in every format.
namespace ttt::compatibility {

// How weights lie in the file, and the format that is asked for in its place.
struct WeightFormat {
  std::string_view name = {};
  Format stored = Format::kF32;
  std::optional<Format> asked = {};
};
// Every format that a block's matrices can have.
std::span<const WeightFormat> all_formats();
// One of each family: what is multiplied in f32, in bf16 where that is faster, and with int8 codes.
std::span<const WeightFormat> few_formats();

// Notes what a block asks for and gives shapes without data.
class RequestList final : public WeightSource {
 public:
  ConstTensorView fetch(const WeightRequest& request) override;
  bool has(const std::string&) const override { return true; }
  const std::vector<WeightRequest>& requests() const { return requests_; }

 private:
  std::vector<WeightRequest> requests_;
};

// A GGUF file with a tensor for every request. Vectors, and matrices whose width is no whole number of the format's
// blocks, are stored in f32, as programs that write such files do. Values depend on names, shapes and the format alone.
std::unique_ptr<const Checkpoint> write_checkpoint(const std::filesystem::path& path,
                                                   std::span<const WeightRequest> requests, Format stored);

}  // namespace ttt::compatibility
