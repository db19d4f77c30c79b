#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>

namespace ttt::app {

// Writes a float32 array [rows, columns] in NumPy's .npy format, version 1.0, row by row. The file appears under its
// name when finish() is called and not before; an existing one is replaced then. A device or pipe is written straight
// away. Error{kIo}, or Error{kResources} when the disk is full.
class NpyWriter {
 public:
  NpyWriter(std::filesystem::path path, std::int64_t rows, std::int64_t columns);
  ~NpyWriter();
  NpyWriter(const NpyWriter&) = delete;
  NpyWriter& operator=(const NpyWriter&) = delete;

  void write(std::span<const float> values);
  void finish();

 private:
  void write_bytes(const void* data, std::size_t bytes);
  void discard();

  std::filesystem::path path_, temporary_;  // the same: not replaced at the end
  std::FILE* file_ = nullptr;
};

}  // namespace ttt::app
