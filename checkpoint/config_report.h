#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ttt {

// How strictly a configuration is read, and the warnings and notes of reading it. The reference is the configuration
// class of Hugging Face transformers for the same model_type.
struct ConfigReport {
  bool strict = false;              // what would be a warning or an ignored key is an error
  bool allow_unknown_keys = false;  // unknown keys are a note instead of an error
  // Contradictions, resolved as in the reference; to be printed once.
  std::vector<std::string> warnings = {};
  std::vector<std::string> notes = {};  // for users who ask for more output
  // Tensors that the configuration declares equal; `message` is a warning for when they differ.
  struct SameTensors {
    std::string first = {}, second = {}, message = {};
  };
  std::vector<SameTensors> same_tensors = {};
  // Rows above which a sequence's rotary factors change (LongRoPE, dynamic NTK); 0: they never do.
  std::int64_t rotary_limit = 0;
};

}  // namespace ttt
