#include <cstring>
#include <vector>

#include "fuzz/memory_file.h"
#include "fuzz/targets.h"
#include "state/step_builder.h"

namespace ttt::fuzz {
namespace {

constexpr std::size_t kHead = 16, kSum = 8;
constexpr StatePoolConfig kConfig{.sequences = 2, .context = 12, .page_rows = 2, .chunk = 2};

// A window, all rows, and rows of a source.
std::vector<StateSpec> slots() {
  return {{.heads = 1, .key_dim = 1, .value_dim = 1, .visible = {.behind = 3, .pinned = 1}},
          {.heads = 1, .key_dim = 1, .value_dim = 1},
          {.heads = 1, .key_dim = 1, .value_dim = 1, .source_rows = 4}};
}

// Restores `snapshot`, saves it again and adds a row.
void restore(std::span<const std::byte> snapshot) {
  StatePool pool(slots(), kConfig);
  const Sequence restored = pool.restore(snapshot);
  const std::vector<std::byte> again = pool.save(restored);
  require(again.size() == snapshot.size() && std::memcmp(again.data(), snapshot.data(), again.size()) == 0,
          ErrorKind::kInternal, "what was restored is saved as something else");
  Sequence next = restored.fork();
  StepBuilder builder(pool, 2, 2);
  const std::vector<std::int32_t> ids{1};
  const StepEntry entry{&next, 1};
  builder.prepare(std::span(&entry, 1), ids);
  builder.commit();
}

// Magic and layout of such a pool's snapshots, from one of an empty sequence.
const std::vector<std::byte>& opening() {
  static const std::vector<std::byte> bytes = [] {
    StatePool pool(slots(), kConfig);
    std::vector<std::byte> all = pool.save(pool.create());
    std::int64_t layout = 0;
    std::memcpy(&layout, all.data() + 8, sizeof layout);
    all.resize(kHead + static_cast<std::size_t>(layout));
    return all;
  }();
  return bytes;
}

}  // namespace

// The first byte says whether the rest is a whole snapshot, or what follows the layout; then the opening and the
// checksum that no fuzzer would find are added.
void read_snapshot(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  const std::span<const std::byte> rest = bytes.subspan(1);
  if (bytes[0] == std::byte{0}) return restore(rest);
  std::vector<std::byte> whole = opening();
  whole.insert(whole.end(), rest.begin(), rest.end());
  std::uint64_t sum = 0xcbf29ce484222325;  // FNV-1a
  for (const std::byte b : whole) sum = (sum ^ static_cast<std::uint64_t>(b)) * 0x100000001b3;
  std::byte end[kSum];
  std::memcpy(end, &sum, kSum);
  whole.insert(whole.end(), end, end + kSum);
  restore(whole);
}

}  // namespace ttt::fuzz
