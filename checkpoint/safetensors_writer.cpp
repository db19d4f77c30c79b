#include "checkpoint/safetensors_writer.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/json.h"

namespace ttt {

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, const std::vector<SafetensorsEntry>& entries,
                                     const std::vector<std::pair<std::string, std::string>>& metadata)
    : file_(path) {
  Json::Object header, described;
  for (const auto& [key, value] : metadata) described.emplace_back(key, value);
  if (!described.empty()) header.emplace_back("__metadata__", std::move(described));
  std::int64_t at = 0;
  for (const SafetensorsEntry& e : entries) {
    Json::Array extents;
    for (int i = 0; i < e.shape.rank(); ++i) extents.emplace_back(e.shape[i]);
    const std::int64_t end = checked_add(at, e.bytes, "safetensors");
    header.emplace_back(
        e.name,
        Json::Object{{"dtype", e.dtype}, {"shape", std::move(extents)}, {"data_offsets", Json::Array{at, end}}});
    at = end;
  }
  std::string head = Json(std::move(header)).dump();
  // Data of eight bytes are aligned in the file.
  head.append((8 - head.size() % 8) % 8, ' ');
  const std::uint64_t length = head.size();
  file_.write(&length, sizeof length);
  file_.write(head.data(), std::ssize(head));
  wanted_ = file_.size() + at;
}

void SafetensorsWriter::finish() {
  require(file_.size() == wanted_, ErrorKind::kInternal, file_.path().string(), ": wanted ", wanted_, " bytes, got ",
          file_.size());
  file_.finish();
}

}  // namespace ttt
