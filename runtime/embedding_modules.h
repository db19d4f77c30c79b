#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "heads/dense.h"
#include "heads/pooling.h"

namespace ttt {

// How the states of a text's rows become its embedding, from the files of sentence-transformers: modules.json, the
// configurations of its Pooling, Dense and Normalize, sentence_bert_config.json and
// config_sentence_transformers.json. Without modules.json: the mean, as in that library.
struct EmbeddingModules {
  struct DenseModule {
    std::filesystem::path directory = {};
    DenseSpec spec = {};
  };
  PoolingKind pooling = PoolingKind::kMean;
  bool normalize = false;
  std::vector<DenseModule> dense = {};
  std::int64_t max_rows = 0;  // of a text with its special tokens; longer ones are cut. 0: no limit in the files
  std::string prompt = {};    // prepended to every text
};

// Of a directory, or of a GGUF file, whose metadata may name a pooling ("pooling_type"). Error{kUnsupported} naming an
// unsupported module, pooling or activation; Error{kBadData} for files that contradict themselves.
EmbeddingModules read_embedding_modules(const Checkpoint& checkpoint);

}  // namespace ttt
