#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/tensor.h"

namespace ttt {

// Names a weight, or a part of one, in the vocabulary of Hugging Face checkpoints. Relative to the block's path
// ("q_proj.weight" below "model.layers.0.self_attn"); a leading '/' starts at the root ("/model.embed_tokens.weight").
// Files that fuse several weights into one tensor, or store it transposed, are described here, so that a block never
// learns how a file was laid out.
struct TensorName {
  std::string name = {};
  // Which rows (first extent, after `transposed`) of the stored tensor are meant: `count` runs of `run` rows, `stride`
  // apart, from `begin`. run = 0: all rows.
  std::int64_t begin = 0, run = 0, stride = 0, count = 1;
  bool transposed = false;  // stored [in, out]
  // One index of the stored tensor's first extent; rows and `transposed` then mean what is left. -1: the whole tensor.
  std::int64_t outer = -1;

  TensorName() = default;
  TensorName(const char* n) : name(n) {}
  TensorName(std::string n) : name(std::move(n)) {}
  bool operator==(const TensorName&) const = default;
};

// Rows [begin, begin + count) of a fused tensor.
TensorName rows(TensorName name, std::int64_t begin, std::int64_t count);
// `count` runs of `run` rows, `stride` apart: one of q, k, v in a tensor fused head by head.
TensorName every(TensorName name, std::int64_t begin, std::int64_t run, std::int64_t stride, std::int64_t count);
TensorName transposed(TensorName name);
// stored[index]: one expert of a tensor [experts, out, in].
TensorName slice(TensorName name, std::int64_t index);

// This rank's part of a whole tensor: [begin, begin + count) along `axis`; axis -1: all of it.
struct Cut {
  int axis = -1;
  std::int64_t begin = 0, count = 0;
  bool operator==(const Cut&) const = default;
};

// The use of a weight, which decides its form.
enum class WeightUse : std::uint8_t {
  kMatrix,  // [out, in] of a product: dense rows as stored, grouped formats as Layout::kPanels
  kTable,   // rows looked up by index: row-major in the format of the file
  kVector,  // gains, biases, sinks: dense f32
};

struct WeightRequest {
  std::string path = {};  // of the requesting block
  TensorName name = {};
  Shape shape = {};  // the whole weight's, before the cut
  Cut cut = {};
  WeightUse use = WeightUse::kMatrix;
  std::optional<Format> format = {};  // requested by the ImplConfig; absent: as stored (kVector: f32)
  bool keep_narrower = false;         // as stored after all where that is grouped and takes no more bits than `format`

  std::string full_name() const;  // path and name joined, without a leading '/'
  Shape cut_shape() const;
};

// A block lists its weights by calling bind once for each field. Passing the same list through another binder loads,
// checks, counts or plans them.
class WeightBinder {
 public:
  virtual ~WeightBinder() = default;
  virtual void bind(ConstTensorView& field, const WeightRequest& request) = 0;
};

// Refuses fields whose shape is not what the request says: Error{kBadData} "[path] name wanted [..], got [..]".
class WeightChecker final : public WeightBinder {
 public:
  void bind(ConstTensorView& field, const WeightRequest& request) override;
};

// Where the weights of a model come from. Views stay valid as long as the source lives.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  // The requested weight in the form its use demands. Over mapped files: data, and Error at the first problem. Over
  // headers alone: shapes and formats with null data.
  virtual ConstTensorView fetch(const WeightRequest& request) = 0;
  // Whether a tensor of that full name exists in the checkpoint. For decisions of a model's configuration only where
  // the configuration itself is silent (a tied head).
  virtual bool has(const std::string& full_name) const = 0;
};

}  // namespace ttt
