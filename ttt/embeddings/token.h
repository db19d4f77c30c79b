#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/exec.h"
#include "base/partition.h"
#include "base/weights.h"
#include "collectives/reduce.h"

namespace ttt {

// y[r, :] = scale * table[ids[r], :] + type_table[types[r], :]
//
// The second term exists only where there are token types. Over ranks the table is cut by rows (vocabulary), and
// results are summed, or by columns (hidden), and results are gathered; types are on every rank.

struct TokenEmbeddingSpec {
  std::int64_t vocab_size = 0, hidden_dim = 0;
  float scale = 1.0f;                // sqrt(hidden_dim) in some models
  std::int64_t num_token_types = 0;  // rows of the second table; 0: none
  // The id of padding. As in PyTorch it has no effect on a look-up, only on gradients: its stored row is read. At least
  // -vocab_size, as there.
  std::optional<std::int64_t> padding_idx = {};

  bool operator==(const TokenEmbeddingSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("vocab_size", self.vocab_size);
    visit("hidden_dim", self.hidden_dim);
    visit("scale", self.scale);
    visit("num_token_types", self.num_token_types);
    visit("padding_idx", self.padding_idx);
  }
};

// How the table is cut over ranks. Results are bitwise the same.
enum class TableSplit : std::uint8_t {
  kVocabulary,  // rows: the cut of a head that shares the table; rows of f32 are summed
  kHidden,      // columns, in whole blocks of any format that rows of this width can have; halves the traffic
};
std::string_view name_of(TableSplit split);  // "vocabulary", "hidden"

struct TokenEmbeddingImplConfig {
  std::optional<Format> table = {};  // absent: as stored; rows are decoded when they are looked up
  TableSplit split = TableSplit::kVocabulary;

  bool operator==(const TokenEmbeddingImplConfig&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("table", self.table);
    visit("split", self.split);
  }
};

struct TokenEmbeddingWeights {
  ConstTensorView weight = {};      // [vocab, hidden], one of the two this rank's part; row-major, any format
  ConstTensorView token_type = {};  // [num_token_types, hidden_dim], row-major, any format; absent without types
};

struct TokenEmbeddingNames {
  TensorName weight = "weight";
  TensorName token_type = "token_type_embeddings.weight";
};

void validate(const TokenEmbeddingSpec& spec, const Context& context);
// The same whatever the strategy: look-ups are exact.
TokenEmbeddingImplConfig default_impl_config(const TokenEmbeddingSpec& spec, const DeviceTraits& traits,
                                             Strategy strategy);
void bind_weights(TokenEmbeddingWeights& weights, const TokenEmbeddingSpec& spec, const TokenEmbeddingImplConfig& impl,
                  const TokenEmbeddingNames& names, const Context& context, WeightBinder& binder);

class TokenEmbedding {
 public:
  using Spec = TokenEmbeddingSpec;
  using ImplConfig = TokenEmbeddingImplConfig;
  using Weights = TokenEmbeddingWeights;
  using Names = TokenEmbeddingNames;

  TokenEmbedding(const TokenEmbeddingSpec& spec, const TokenEmbeddingWeights& weights,
                 const TokenEmbeddingImplConfig& impl, const Context& context);

  // y: [ids.size(), hidden_dim], f32. types: [ids.size()], or empty: all 0. An id outside [0, vocab_size), or a type
  // outside [0, num_token_types), is Error{kUsage} that names it.
  void forward(Exec& exec, std::span<const std::int32_t> ids, TensorView y) const { forward(exec, ids, {}, y); }
  void forward(Exec& exec, std::span<const std::int32_t> ids, std::span<const std::int32_t> types, TensorView y) const;

 private:
  struct Plan {
    using LookUpFn = void (*)(const Plan&, Exec&, std::span<const std::int32_t> ids, TensorView y);
    Place place;
    std::int64_t vocab_size, hidden_dim, token_types;
    std::int64_t first_row, columns;             // of this rank's part of the table
    std::vector<std::int64_t> columns_of_ranks;  // where columns are gathered
    float scale;
    ConstTensorView weight, token_type;
    ReduceFn reduce;
    LookUpFn look_up;    // of the table
    LookUpFn add_types;  // y += rows of the second table; without types nothing
  } plan_;

  static Plan make_plan(const TokenEmbeddingSpec& spec, const TokenEmbeddingWeights& w,
                        const TokenEmbeddingImplConfig& impl, const Context& context);
  void check(std::span<const std::int32_t> ids, std::span<const std::int32_t> types, TensorView y) const;
  static void look_up_summed(const Plan& plan, Exec& exec, std::span<const std::int32_t> ids, TensorView y);
  static void look_up_gathered(const Plan& plan, Exec& exec, std::span<const std::int32_t> ids, TensorView y);
  static void add_type_rows(const Plan& plan, Exec& exec, std::span<const std::int32_t> types, TensorView y);
  static void add_nothing(const Plan& plan, Exec& exec, std::span<const std::int32_t> types, TensorView y);
};

}  // namespace ttt
