#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace ttt::fuzz {

// A reader of strangers' bytes: reads them, and uses what it got as a program would. May throw Error. Anything else
// that comes out, and an Error{kInternal}, is a defect.
using Reader = void (*)(std::span<const std::byte> bytes);

struct Target {
  std::string_view name;  // of its folder in seeds/
  Reader read;
};

void read_json(std::span<const std::byte> bytes);
void read_safetensors(std::span<const std::byte> bytes);
void read_safetensors_index(std::span<const std::byte> bytes);
void read_trace(std::span<const std::byte> bytes);
void read_gguf(std::span<const std::byte> bytes);
void read_tokenizer_gguf(std::span<const std::byte> bytes);
void read_tokenizer_json(std::span<const std::byte> bytes);
void read_tokenizer_model(std::span<const std::byte> bytes);
void read_snapshot(std::span<const std::byte> bytes);
void read_npy(std::span<const std::byte> bytes);
void run_model(std::span<const std::byte> bytes);
void run_grammar(std::span<const std::byte> bytes);

inline constexpr Target kTargets[] = {
    {"json", read_json},
    {"safetensors", read_safetensors},
    {"safetensors_index", read_safetensors_index},
    {"trace", read_trace},
    {"gguf", read_gguf},
    {"tokenizer_gguf", read_tokenizer_gguf},
    {"tokenizer_json", read_tokenizer_json},
    {"tokenizer_model", read_tokenizer_model},
    {"snapshot", read_snapshot},
    {"npy", read_npy},
    {"model", run_model},
    {"grammar", run_grammar},
};

// Runs a target as a fuzzer does: an Error of strangers' making is what is wanted.
void run(const Target& target, std::span<const std::byte> bytes);

}  // namespace ttt::fuzz
