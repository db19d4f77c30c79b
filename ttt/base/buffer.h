#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace ttt {

// Zeroed memory from the system, aligned to pages, in huge pages where the system grants them.
// Throws Error{kResources} naming the size. `kReserved` memory is address space only: touching it is a fault.
class Buffer {
 public:
  enum class Access : std::uint8_t { kReadWrite, kReserved };

  Buffer() = default;
  explicit Buffer(std::int64_t bytes, Access access = Access::kReadWrite);
  ~Buffer();
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  std::int64_t size() const { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  std::int64_t bytes_ = 0;
};

}  // namespace ttt
