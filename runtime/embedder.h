#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "base/scratch.h"
#include "checkpoint/weight_store.h"
#include "collectives/self.h"
#include "runtime/embedding_modules.h"
#include "runtime/runner.h"
#include "runtime/text_batch.h"
#include "text/tokenizer.h"

namespace ttt {

// Embeddings of texts: the states of an encoder, pooled, through dense layers, and normalised where the modules say so.
class Embedder {
 public:
  // `runner`, of a model whose output is hidden states and that takes sequences whole, and `threads` must outlive it.
  // Error{kUnsupported} for other models, Error{kBadData} for dense layers of other widths.
  Embedder(Runner& runner, ThreadPool& threads, const EmbeddingModules& modules);

  std::int64_t width() const { return width_; }
  // [texts.size(), width()], in their order. Texts of similar length are read in one step, as many as fit into the
  // runner's sequences and rows. Error{kUsage} for a text without tokens or with more than the context.
  std::vector<float> embed(std::span<const Encoding> texts);

 private:
  // Dense layers with the memory of their weights.
  struct Layer {
    std::shared_ptr<const Checkpoint> checkpoint;
    std::unique_ptr<WeightStore> weights;
    std::vector<Dense> dense;  // one
  };
  void embed_step(std::span<const Encoding> texts, std::span<const std::size_t> which, std::vector<float>& all);
  void finish(Exec& exec, const BatchView& batch, ConstTensorView states, TensorView result) const;
  void plan(ThreadPool& threads);

  Runner& runner_;
  std::int64_t hidden_, width_;
  ModelTree tree_;
  std::vector<Pooling> pooling_;    // one
  std::vector<Pooling> normalize_;  // one or none; each row is a sequence of its own
  std::deque<Layer> layers_;
  NoObserver observer_;
  Scratch scratch_;
  Exec exec_;
};

}  // namespace ttt
