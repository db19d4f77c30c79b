#pragma once

#include <cstdint>

#include "base/buffer.h"
#include "base/tensor.h"

namespace ttt {

// Memory for the intermediate results of one step, allocated in nested frames. A step allocates nothing from the
// system.
//
// A planned scratch returns address space that faults when touched and records how much would be needed.
class Scratch {
 public:
  explicit Scratch(std::int64_t bytes);
  static Scratch planned();

  // The memory of a frame is released when it ends; frames nest like scopes.
  class Frame {
   public:
    explicit Frame(Scratch& scratch) : scratch_(scratch), used_(scratch.used_) {}
    ~Frame() { scratch_.used_ = used_; }
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;

    // Uninitialised dense memory, aligned to 64 bytes. Throws Error{kResources} when the scratch is exhausted.
    TensorView take(Shape shape, Format format = Format::kF32);
    std::byte* take_bytes(std::int64_t bytes);

   private:
    Scratch& scratch_;
    std::int64_t used_;
  };

  std::int64_t capacity() const { return memory_.size(); }
  std::int64_t peak() const { return peak_; }  // bytes, the most ever taken at once, or since restart_peak()
  void restart_peak() { peak_ = used_; }

 private:
  explicit Scratch(Buffer memory) : memory_(std::move(memory)) {}
  Buffer memory_;
  std::int64_t used_ = 0, peak_ = 0;
};

}  // namespace ttt
