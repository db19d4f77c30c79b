#include <algorithm>
#include <cstring>

#include "collectives/self.h"
#include "fuzz/memory_file.h"
#include "fuzz/targets.h"
#include "models/families.h"
#include "runtime/load.h"
#include "runtime/runner.h"

namespace ttt::fuzz {
namespace {

std::shared_ptr<const Checkpoint> checkpoint_of(std::span<const std::byte> bytes) {
  static MemoryFile gguf, config, weights;
  static const auto directory = [] {
    auto made = std::make_unique<MemoryDirectory>();
    made->add("config.json", config);
    made->add("model.safetensors", weights);
    return made;
  }();
  static const std::vector<GgufSpelling> spellings = gguf_spellings(families());
  if (as_text(bytes).starts_with("GGUF")) {
    gguf.assign(bytes);
    return open_checkpoint(gguf.path(), spellings);
  }
  // Four bytes: the length of config.json, which follows; then model.safetensors.
  std::uint32_t length = 0;
  if (bytes.size() < sizeof length) return nullptr;
  std::memcpy(&length, bytes.data(), sizeof length);
  const std::span<const std::byte> rest = bytes.subspan(sizeof length);
  const std::size_t cut = std::min<std::size_t>(length, rest.size());
  config.assign(rest.first(cut));
  weights.assign(rest.subspan(cut));
  return open_checkpoint(directory->path(), {});
}

}  // namespace

void run_model(std::span<const std::byte> bytes) {
  constexpr std::int64_t kContext = 16;
  const std::shared_ptr<const Checkpoint> checkpoint = checkpoint_of(bytes);
  if (checkpoint == nullptr) return;
  LoadOptions options{.traits = query_device_traits(), .context = kContext};
  options.traits.available_bytes = std::int64_t{256} << 20;
  const LoadedModel loaded = load_model(checkpoint, families(), options);
  ThreadPool threads(1);
  NoObserver observer;
  Runner runner(loaded.built, threads, self_communicator(), observer, {.context = kContext, .chunk = 4});
  Sequence sequence = runner.create();
  const std::vector<std::int32_t> ids{0, 0, 0};
  runner.extend(sequence, ids);
}

}  // namespace ttt::fuzz
