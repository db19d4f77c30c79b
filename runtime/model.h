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
#include "model/output_kind.h"

namespace ttt {

// The interface of a model for the runtime. Together with the ModelTree that its construction recorded, this is all
// that generation, planning and observation need. A model is constant after construction; many threads may use it, each
// with its own Exec.
class Model {
 public:
  virtual ~Model() = default;
  // output: [step.wanted_rows.size(), output_size()], f32
  virtual void forward(Exec& exec, const Step& step, TensorView output) const = 0;
  virtual std::int64_t vocab_size() const = 0;  // number of known ids; 0 where it takes rows instead

  virtual OutputKind output() const { return OutputKind::kLogits; }
  virtual std::int64_t output_size() const { return vocab_size(); }
  // 0: it takes ids. Else the width of its input rows, Step::given: patches of an image.
  virtual std::int64_t input_size() const { return 0; }
  // How many types of tokens it tells apart, as Step::token_types says; 0 or 1: it does not.
  virtual std::int64_t token_types() const { return 0; }
  // Most rows of one sequence, by its positions; 0: any number.
  virtual std::int64_t max_rows() const { return 0; }

  // Encoder-decoders: forward is the decoder's, and encode runs the encoder over the rows of a step that
  // StepBuilder::prepare_source made and stores what every cross attention reads of them, before the first forward.
  virtual bool has_encoder() const { return false; }
  virtual void encode(Exec& exec, const Step& source) const;  // Error{kUnsupported} without an encoder
};

// A kind of model that can be built from a configuration. Families outside this repository work in the same way: pass
// them to load_model.
struct Family {
  std::span<const std::string_view> model_types;  // values of config.json's model_type
  std::unique_ptr<Model> (*make)(const Scope& scope, ConfigReader& config) = nullptr;
  std::span<const GgufSpelling> gguf = {};  // architectures of GGUF files
};

// The GGUF spellings of all of these, for open_checkpoint.
std::vector<GgufSpelling> gguf_spellings(std::span<const Family> families);

}  // namespace ttt
