#include "checkpoint/gguf.h"

#include "checkpoint/check_weights.h"
#include "checkpoint/checkpoint.h"
#include "fuzz/memory_file.h"
#include "fuzz/targets.h"
#include "models/families.h"
#include "runtime/gguf_vocabulary.h"
#include "runtime/load.h"
#include "text/tokenizer.h"

namespace ttt::fuzz {
namespace {

// Reads every key by every accessor; those of another type refuse.
void read_keys(const GgufFile& file) {
  for (const std::string_view key : file.keys()) {
    const auto attempt = [&](const auto& read) {
      try {
        read();
      } catch (const Error&) {
      }
    };
    attempt([&] { file.integer(key); });
    attempt([&] { file.number(key); });
    attempt([&] { file.boolean(key); });
    attempt([&] { file.string(key); });
    attempt([&] { file.integers(key); });
    attempt([&] { file.numbers(key); });
    attempt([&] { file.strings(key); });
  }
}

}  // namespace

void read_gguf(std::span<const std::byte> bytes) {
  static MemoryFile memory;
  static const std::vector<GgufSpelling> spellings = gguf_spellings(families());
  memory.assign(bytes);
  {
    const Mapped mapped(memory);
    const GgufFile file = GgufFile::parse(mapped.file());
    read_keys(file);
    for (const StoredTensor& t : file.tensors()) {
      require(file.find_tensor(t.name) == &t, ErrorKind::kInternal, "a tensor is not found");
    }
  }
  check_weights(*open_checkpoint(memory.path(), spellings));
}

void read_tokenizer_gguf(std::span<const std::byte> bytes) {
  static MemoryFile memory;
  memory.assign(bytes);
  const Mapped mapped(memory);
  const GgufVocabulary vocabulary = gguf_vocabulary(GgufFile::parse(mapped.file()));
  const Tokenizer tokenizer = Tokenizer::from_gguf(vocabulary, "fuzz.gguf");
  tokenizer.decode(tokenizer.encode("Hello  world 123\n\xC3\xA9<s> ab"));
}

}  // namespace ttt::fuzz
