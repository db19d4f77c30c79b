#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ttt {

// How strictly configurations are read, and what reading them found worth saying. The reference is the configuration
// class of Hugging Face transformers for the same model_type.
struct ConfigReport {
  bool strict = false;              // what would be a warning or an ignored key is an error
  bool allow_unknown_keys = false;  // keys that nobody understands are a note instead of an error
  // Contradictions, solved as the reference solves them: to be said once to the user.
  std::vector<std::string> warnings = {};
  std::vector<std::string> notes = {};  // for who asks for more
  // Tensors that the configuration calls the same; `message` is a warning where the checkpoint's differ.
  struct SameTensors {
    std::string first = {}, second = {}, message = {};
  };
  std::vector<SameTensors> same_tensors = {};
  // Rows above which a sequence's rotary factors change (LongRoPE, dynamic NTK); 0: they never do.
  std::int64_t rotary_limit = 0;
};

}  // namespace ttt
