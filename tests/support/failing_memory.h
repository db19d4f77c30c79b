#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace ttt::test {

// While one lives, the allocation number `failing` of the process, counted from its beginning, throws std::bad_alloc,
// whichever thread asks, or is refused where it asked for no exception. Replaces operator new of the whole executable,
// but for aligned memory: one source file includes this.
class FailingMemory {
 public:
  explicit FailingMemory(std::int64_t failing) {
    left.store(failing + 1);
    reached.store(false);
  }
  ~FailingMemory() { left.store(0); }
  FailingMemory(const FailingMemory&) = delete;
  FailingMemory& operator=(const FailingMemory&) = delete;

  bool happened() const { return reached.load(); }

  static bool now() {
    if (left.load(std::memory_order_relaxed) <= 0 || left.fetch_sub(1) != 1) return false;
    reached.store(true);
    return true;
  }

 private:
  inline static std::atomic<std::int64_t> left{0};
  inline static std::atomic<bool> reached{false};
};

}  // namespace ttt::test

// Not inlined: g++ 12 then takes malloc and free for a pair that does not match new and delete.
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return ttt::test::FailingMemory::now() ? nullptr : std::malloc(bytes > 0 ? bytes : 1);
}
[[gnu::noinline]] void* operator new[](std::size_t bytes, const std::nothrow_t& none) noexcept {
  return operator new(bytes, none);
}
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  void* p = operator new(bytes, std::nothrow);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
[[gnu::noinline]] void* operator new[](std::size_t bytes) { return operator new(bytes); }
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
