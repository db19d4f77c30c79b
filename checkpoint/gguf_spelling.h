#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace ttt {

class GgufFile;
class Json;

// The names of a model family in GGUF files: tables with which such a file is presented as a Hugging Face
// configuration and tensors under Hugging Face names. A family supplies one of these per architecture, as data.

enum class GgufKeyKind : std::uint8_t {
  kInteger,  // an array of equal values is that value; unequal ones become an array
  kNumber,   // likewise
  kBoolean,
  kString,
  kArray,     // integers, booleans or numbers as they are (per layer)
  kHarmless,  // not used; changes no result
  kMustBe,    // a number that has to equal `value`; anything else is Error{kUnsupported} naming the key
};

struct GgufKey {
  std::string_view key = {};     // below "ARCHITECTURE.": "attention.head_count"; a trailing '*' matches any ending
  std::string_view config = {};  // "num_attention_heads"
  GgufKeyKind kind = GgufKeyKind::kInteger;
  double value = 0;  // kMustBe
};

enum class GgufChange : std::uint8_t {
  kNone,
  kUnpermuteHeads,    // rows stored in the interleaved RoPE layout; by num_attention_heads
  kUnpermuteKvHeads,  // by num_key_value_heads
  kSubtractOne,       // the file holds gain + 1
  kTransposed,        // the file holds the two extents in the opposite order
  kAsRow,             // the file holds a vector, the model a matrix of one row
  kJoined,            // [n, rows, in] in the file is [n * rows, in]
  kJoinedTransposed,  // [n, in, rows] in the file is [n * rows, in]
};

struct GgufTensor {
  std::string_view file = {};  // "blk.{}.attn_q.weight"; {}: the layer
  // "model.layers.{}.self_attn.q_proj.weight". With one {} more than in `file`, the outermost extent of the stored
  // tensor is unrolled into so many tensors (experts).
  std::string_view name = {};
  GgufChange change = GgufChange::kNone;
};

struct GgufSpelling {
  std::string_view architecture = {};     // general.architecture: "llama"
  std::string_view model_type = {};       // configuration: "llama"
  std::string_view hf_architecture = {};  // configuration, architectures[0]: "LlamaForCausalLM"
  std::span<const GgufKey> keys = {};
  std::span<const GgufTensor> tensors = {};
  // May complete the configuration after the tables were applied: what files of this architecture leave out because
  // llama.cpp fixes it in code. May be null.
  void (*complete)(const GgufFile& file, Json& config) = nullptr;
};

// Done for every architecture, so no table lists it:
// - model_type, architectures; bos/eos/pad/unk token ids (eos_token_id is a list when the file names an end of turn or
//   message too); vocab_size from the rows of token_embd.weight; tie_word_embeddings: no output.weight.
// - head_dim from attention.key_length, else hidden_size / num_attention_heads; num_key_value_heads defaults to
//   num_attention_heads. attention.value_length other than head_dim becomes v_head_dim.
// - rope.dimension_count other than head_dim becomes partial_rotary_factor.
// - rope.scaling.* is assembled into rope_scaling; rope_freqs.weight keeps its name and sets rope_freq_factors: true.
// - gguf_pooling_type: pooling_type, for embeddings.
// - gguf_architecture: that of the file. Where the reference of a directory, transformers, and that of a GGUF file,
//   llama.cpp, differ, a family distinguishes them by it.
// A key below "ARCHITECTURE." that is neither done here nor in the table is a note if it has no effect (0, false,
// empty) or if llama.cpp reads it for no text model (classifier.output_labels, tensor_data_layout), else
// Error {kUnsupported} naming it. Tensors that no pattern matches keep the name of the file and are counted as extra.

}  // namespace ttt
