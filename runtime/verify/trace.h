#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/safetensors.h"
#include "testing/values.h"

namespace ttt {

// A recorded run of a model, as tools/record_trace.py writes it: token ids, and what every module read ("NAME:in";
// rows of another sequence that it read too, "NAME:in.1", ...) and wrote ("NAME:out"; what else it returned is
// "NAME:out.1", ...).
class Trace {
 public:
  // Error{kIo} when it cannot be read, Error{kBadData} when it is no trace.
  static Trace load(const std::filesystem::path& path);

  std::span<const std::int32_t> ids() const { return ids_; }
  bool has(std::string_view name) const { return find(name) != nullptr; }
  // Rows of a recorded tensor as f32, of width 1 where it has one extent; nothing when there is none of that name.
  std::optional<testing::Values> values(std::string_view name) const;
  // Names of modules with a recorded output, in the order of the file.
  std::vector<std::string> modules() const;
  std::string metadata(std::string_view key) const;  // empty: not recorded
  const std::string& path() const { return file_.file->path(); }

 private:
  const StoredTensor* find(std::string_view name) const;
  SafetensorsFile file_;
  std::vector<std::int32_t> ids_;
};

}  // namespace ttt
