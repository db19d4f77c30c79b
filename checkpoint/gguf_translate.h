#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/config_report.h"
#include "checkpoint/gguf.h"
#include "checkpoint/gguf_spelling.h"
#include "checkpoint/stored_tensor.h"

namespace ttt {

// The file's spelling among those known. Error{kUnsupported} listing them when it is none.
const GgufSpelling& spelling_of(const GgufFile& file, std::span<const GgufSpelling> known);

// The metadata as a Hugging Face configuration. Rules: gguf_spelling.h. `report`: may be null; keys that change nothing
// are its notes.
Json gguf_config(const GgufFile& file, const GgufSpelling& spelling, ConfigReport* report = nullptr);

// The tensors under Hugging Face names, with what has to happen to them. `config`: of gguf_config.
struct GgufTensors {
  std::vector<StoredTensor> tensors = {};
  std::vector<std::string> unnamed = {};  // no pattern matched; they keep the file's name
};
GgufTensors gguf_tensors(const GgufFile& file, const GgufSpelling& spelling, const Json& config);

}  // namespace ttt
