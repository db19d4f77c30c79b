#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace ttt::support {

// Bytes, zero at first, whose end is the end of a page that no readable page follows: who reads beyond them ends the
// test. They start on a multiple of 64 where their number is one.
class GuardedBytes {
 public:
  explicit GuardedBytes(std::int64_t bytes) : bytes_(bytes), mapped_((bytes + kPage - 1) / kPage * kPage + kPage) {
    void* p =
        mmap(nullptr, static_cast<std::size_t>(mapped_), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    base_ = static_cast<std::byte*>(p);
    if (mprotect(base_ + mapped_ - kPage, static_cast<std::size_t>(kPage), PROT_NONE) != 0) throw std::bad_alloc();
  }
  ~GuardedBytes() {
    if (base_ != nullptr) munmap(base_, static_cast<std::size_t>(mapped_));
  }
  GuardedBytes(GuardedBytes&& other) noexcept
      : bytes_(other.bytes_), mapped_(other.mapped_), base_(std::exchange(other.base_, nullptr)) {}
  GuardedBytes& operator=(GuardedBytes&&) = delete;

  std::byte* data() { return base_ + mapped_ - kPage - bytes_; }

 private:
  static constexpr std::int64_t kPage = 4096;
  std::int64_t bytes_, mapped_;
  std::byte* base_ = nullptr;
};

}  // namespace ttt::support
