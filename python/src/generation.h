#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "python/src/model.h"
#include "runtime/generate.h"
#include "text/chat_template.h"

namespace ttt::python {

// From the keyword arguments of a generation: max_new_tokens, the fields of SamplingSpec, end_ids (in place of those of
// the model's files), ignore_end, ignore_generation_config. Error{kUsage} naming one that is not known.
GenerateOptions generate_options(PyModel& model, const Json& arguments);

// One token that was generated, or text at the end that belongs to none (id -1).
struct GeneratedToken {
  SampleResult sample = {};
  std::optional<std::string> text = {};  // that it adds; nothing for a model without a tokenizer
};

// A continuation that Python asks for token by token.
class GenerationStream {
 public:
  GenerationStream(std::shared_ptr<PyModel> model, std::vector<std::int32_t> prompt, GenerateOptions options);

  std::optional<GeneratedToken> next();
  void stop();  // ends it where it is, and lets go of its memory
  std::string_view reason() const { return name_of(reason_); }

 private:
  void begin();
  void close();
  GeneratedToken token(SampleResult sample);
  std::optional<GeneratedToken> end();

  std::shared_ptr<PyModel> model_;
  std::vector<std::int32_t> prompt_;
  GenerateOptions options_;
  std::optional<StreamDecoder> decoder_;
  Lease lease_;
  Sequence sequence_;
  std::optional<Generation> generation_;
  StopReason reason_ = StopReason::kCaller;
  bool over_ = false;
};

}  // namespace ttt::python
