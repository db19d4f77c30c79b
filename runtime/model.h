#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/exec.h"
#include "base/step.h"
#include "base/tensor.h"
#include "checkpoint/config_reader.h"
#include "checkpoint/gguf_spelling.h"
#include "model/blocks.h"

namespace ttt {

// What a model gives the runtime. Together with the ModelTree that its construction recorded, this is all that
// generation, planning and observation need. A model is constant after construction; many threads may use it, each
// with its own Exec.
class Model {
 public:
  virtual ~Model() = default;
  // logits: [step.wanted_rows.size(), vocab_size], f32
  virtual void forward(Exec& exec, const Step& step, TensorView logits) const = 0;
  virtual std::int64_t vocab_size() const = 0;
};

// A kind of model that can be built from a configuration. Families outside this repository have the same rights: pass
// them to load_model.
struct Family {
  std::span<const std::string_view> model_types;  // values of config.json's model_type
  std::unique_ptr<Model> (*make)(const Scope& scope, ConfigReader& config) = nullptr;
  std::span<const GgufSpelling> gguf = {};  // architectures of GGUF files
};

// The GGUF spellings of all of these, for open_checkpoint.
std::vector<GgufSpelling> gguf_spellings(std::span<const Family> families);

}  // namespace ttt
