#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "text/token_model.h"

namespace ttt {

// Provides each call of Tokenizer::encode with its own scratch, which has the words of earlier calls, so that calls
// from several threads never share one.
class ScratchPool {
 public:
  class Loan {
   public:
    explicit Loan(ScratchPool& pool) : pool_(pool), scratch_(pool.take()) {}
    ~Loan() { pool_.give(std::move(scratch_)); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    ModelScratch& operator*() { return *scratch_; }

   private:
    ScratchPool& pool_;
    std::unique_ptr<ModelScratch> scratch_;
  };

 private:
  static constexpr std::size_t kMostKept = 16;

  std::unique_ptr<ModelScratch> take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::make_unique<ModelScratch>();
    auto scratch = std::move(free_.back());
    free_.pop_back();
    return scratch;
  }
  void give(std::unique_ptr<ModelScratch> scratch) {
    const std::lock_guard lock(mutex_);
    if (free_.size() < kMostKept) free_.push_back(std::move(scratch));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<ModelScratch>> free_ = reserved();

  static std::vector<std::unique_ptr<ModelScratch>> reserved() {
    std::vector<std::unique_ptr<ModelScratch>> list;
    list.reserve(kMostKept);  // give() must not throw
    return list;
  }
};

}  // namespace ttt
