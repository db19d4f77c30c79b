#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/json.h"

namespace ttt {

// A file of JSON that a directory may lack: nothing where it is not there. Error{kIo} where it cannot be read,
// Error{kBadData} naming the file where it is no JSON or has more than `most_bytes`.
std::optional<Json> read_json_if_there(const std::filesystem::path& path,
                                       std::int64_t most_bytes = static_cast<std::int64_t>(JsonLimits{}.bytes));

}  // namespace ttt
