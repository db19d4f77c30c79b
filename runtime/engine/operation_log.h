#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "collectives/communicator.h"

namespace ttt {

// Numbers, texts and ids one after the other, for other ranks of the same program.
class OperationLog {
 public:
  void number(std::int64_t value) { bytes(&value, sizeof value); }
  void text(std::string_view s) {
    number(static_cast<std::int64_t>(s.size()));
    bytes(s.data(), s.size());
  }
  void ids(std::span<const std::int32_t> values) {
    number(static_cast<std::int64_t>(values.size()));
    bytes(values.data(), values.size_bytes());
  }
  bool empty() const { return bytes_.empty(); }

  // Sends all that was written to the other ranks, and forgets it; the other end is OperationReader.
  void send(Communicator& communicator) {
    auto size = static_cast<std::int64_t>(bytes_.size());
    communicator.broadcast(std::as_writable_bytes(std::span(&size, 1)), kRoot);
    if (size > 0) communicator.broadcast(bytes_, kRoot);
    bytes_.clear();
  }

  static constexpr std::int64_t kRoot = 0;

 private:
  void bytes(const void* data, std::size_t size) {
    const auto* p = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), p, p + size);
  }
  std::vector<std::byte> bytes_;
};

// What rank 0 has sent with OperationLog::send.
class OperationReader {
 public:
  explicit OperationReader(Communicator& communicator) {
    std::int64_t size = 0;
    communicator.broadcast(std::as_writable_bytes(std::span(&size, 1)), OperationLog::kRoot);
    bytes_.resize(static_cast<std::size_t>(size));
    if (size > 0) communicator.broadcast(bytes_, OperationLog::kRoot);
  }
  bool empty() const { return at_ == bytes_.size(); }
  std::int64_t number() {
    std::int64_t value = 0;
    copy(&value, sizeof value);
    return value;
  }
  std::string_view text() {
    const auto size = static_cast<std::size_t>(number());
    const auto part = take(size);
    return {reinterpret_cast<const char*>(part.data()), part.size()};
  }
  std::vector<std::int32_t> ids() {
    std::vector<std::int32_t> values(static_cast<std::size_t>(number()));
    copy(values.data(), values.size() * sizeof(std::int32_t));
    return values;
  }

 private:
  std::span<const std::byte> take(std::size_t size) {
    require(size <= bytes_.size() - at_, ErrorKind::kInternal, "operations of an engine wanted ", size,
            " bytes more, got ", bytes_.size() - at_);
    at_ += size;
    return std::span(bytes_).subspan(at_ - size, size);
  }
  void copy(void* to, std::size_t size) {
    const auto part = take(size);
    if (size > 0) std::memcpy(to, part.data(), size);
  }
  std::vector<std::byte> bytes_;
  std::size_t at_ = 0;
};

}  // namespace ttt
