#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "text/token_model.h"
#include "text/word_cache.h"

namespace ttt {

// What one call of Tokenizer::encode works with, and leaves behind for the next: its memory and the words that it met.
struct EncodeScratch {
  ModelScratch model;
  WordCache cache;
};

// Lends each call a scratch of its own, so that calls from several threads never share one.
class ScratchPool {
 public:
  class Loan {
   public:
    explicit Loan(ScratchPool& pool) : pool_(pool), scratch_(pool.take()) {}
    ~Loan() { pool_.give(std::move(scratch_)); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    EncodeScratch& operator*() { return *scratch_; }

   private:
    ScratchPool& pool_;
    std::unique_ptr<EncodeScratch> scratch_;
  };

 private:
  static constexpr std::size_t kMostKept = 16;

  std::unique_ptr<EncodeScratch> take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::make_unique<EncodeScratch>();
    auto scratch = std::move(free_.back());
    free_.pop_back();
    return scratch;
  }
  void give(std::unique_ptr<EncodeScratch> scratch) {
    const std::lock_guard lock(mutex_);
    if (free_.size() < kMostKept) free_.push_back(std::move(scratch));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<EncodeScratch>> free_ = reserved();

  static std::vector<std::unique_ptr<EncodeScratch>> reserved() {
    std::vector<std::unique_ptr<EncodeScratch>> list;
    list.reserve(kMostKept);  // give() must not throw
    return list;
  }
};

}  // namespace ttt
