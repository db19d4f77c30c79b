#include "base/buffer.h"

#include <sys/mman.h>

#include "base/error.h"

namespace ttt {
namespace {

// In the system's half of the address space. Reserved memory lies here when the process may have no more of its own
// (ulimit -v): touching it is a fault as well.
std::byte* never_mapped() { return reinterpret_cast<std::byte*>(std::uintptr_t{0xFFFF'8000'0000'0000}); }

}  // namespace

Buffer::Buffer(std::int64_t bytes, Access access) : bytes_(bytes) {
  require(bytes >= 0, ErrorKind::kInternal, "a buffer wanted a size of at least 0, got ", bytes);
  if (bytes == 0) return;
  const bool reserved = access == Access::kReserved;
  void* p = mmap(nullptr, static_cast<std::size_t>(bytes), reserved ? PROT_NONE : PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | (reserved ? MAP_NORESERVE : 0), -1, 0);
  if (reserved && p == MAP_FAILED) {
    data_ = never_mapped();
    return;
  }
  require(p != MAP_FAILED, ErrorKind::kResources, "cannot allocate ", bytes, " bytes of memory");
  data_ = static_cast<std::byte*>(p);
  constexpr std::int64_t kHugePage = 2 << 20;
  // Refusal costs speed only.
  if (!reserved && bytes >= kHugePage) (void)madvise(p, static_cast<std::size_t>(bytes), MADV_HUGEPAGE);
}

Buffer::~Buffer() {
  if (data_ != nullptr && data_ != never_mapped()) munmap(data_, static_cast<std::size_t>(bytes_));
}

}  // namespace ttt
