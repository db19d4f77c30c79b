#include "checkpoint/safetensors.h"

#include <algorithm>

#include "checkpoint/checkpoint.h"
#include "fuzz/memory_file.h"
#include "fuzz/targets.h"
#include "runtime/verify/trace.h"

namespace ttt::fuzz {
namespace {

// Every byte of every tensor is read.
unsigned sum_of(const std::vector<StoredTensor>& tensors) {
  unsigned sum = 0;
  for (const StoredTensor& t : tensors) {
    for (const std::byte b : std::span(t.data, static_cast<std::size_t>(t.bytes))) sum += std::to_integer<unsigned>(b);
  }
  return sum;
}

std::string one_tensor(std::string_view name) {
  const std::string header = text("{\"", name, "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}");
  std::string s(8, '\0');
  s[0] = static_cast<char>(header.size());
  return s + header + std::string(4, '\0');
}

}  // namespace

void read_safetensors(std::span<const std::byte> bytes) {
  static MemoryFile memory;
  memory.assign(bytes);
  const Mapped mapped(memory);
  const SafetensorsFile file = parse_safetensors(mapped.file());
  volatile unsigned sum = sum_of(file.tensors);
  static_cast<void>(sum);
}

void read_safetensors_index(std::span<const std::byte> bytes) {
  static MemoryFile index, config("{}"), a(one_tensor("a")), b(one_tensor("b"));
  static const auto directory = [] {
    auto made = std::make_unique<MemoryDirectory>();
    made->add("config.json", config);
    made->add("model.safetensors.index.json", index);
    made->add("a.safetensors", a);
    made->add("b.safetensors", b);
    return made;
  }();
  index.assign(bytes);
  const auto checkpoint = open_checkpoint(directory->path(), {});
  for (const std::string_view name : checkpoint->names()) {
    require(checkpoint->find(name) != nullptr, ErrorKind::kInternal, "a listed tensor is not found");
  }
}

void read_trace(std::span<const std::byte> bytes) {
  static MemoryFile memory;
  memory.assign(bytes);
  const Trace trace = Trace::load(memory.path());
  for (const std::string& module : trace.modules()) {
    for (const std::string_view end : {":in", ":out", ":in.1"}) trace.values(module + std::string(end));
  }
  trace.metadata("modules");
}

}  // namespace ttt::fuzz
