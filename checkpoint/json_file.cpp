#include "checkpoint/json_file.h"

#include <system_error>

#include "checkpoint/mapped_file.h"

namespace ttt {

std::optional<Json> read_json_if_there(const std::filesystem::path& path, std::int64_t most_bytes) {
  std::error_code unknown;
  if (!std::filesystem::exists(path, unknown)) return std::nullopt;
  return Json::parse(read_small_file(path, most_bytes, path.filename().string()), path.string(), {.bytes = most_bytes});
}

}  // namespace ttt
