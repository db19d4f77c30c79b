#include "checkpoint/gguf_writer.h"

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/error.h"

namespace ttt {
namespace {

using Bytes = std::vector<std::byte>;

template <class T>
void put(Bytes& to, T value) {
  const auto* from = reinterpret_cast<const std::byte*>(&value);
  to.insert(to.end(), from, from + sizeof value);
}

void put_string(Bytes& to, std::string_view s) {
  put<std::uint64_t>(to, s.size());
  const auto* from = reinterpret_cast<const std::byte*>(s.data());
  to.insert(to.end(), from, from + s.size());
}

Bytes value_bytes(const GgufValue& v) {
  Bytes bytes;
  if (v.is_array) {
    put(bytes, static_cast<std::uint32_t>(GgufType::kArray));
    put(bytes, static_cast<std::uint32_t>(v.type));
    put<std::uint64_t>(bytes, static_cast<std::uint64_t>(v.count));
  } else {
    put(bytes, static_cast<std::uint32_t>(v.type));
  }
  bytes.insert(bytes.end(), v.data, v.data + v.bytes);
  return bytes;
}

}  // namespace

GgufMetadata GgufMetadata::of(const GgufFile& file) {
  GgufMetadata result;
  for (const std::string_view key : file.keys()) {
    if (key.starts_with("split.")) continue;
    result.members_.push_back({std::string(key), value_bytes(*file.find(key))});
  }
  return result;
}

void GgufMetadata::set(std::string_view key, std::uint32_t value) {
  Bytes bytes;
  put(bytes, static_cast<std::uint32_t>(GgufType::kU32));
  put(bytes, value);
  const auto member = std::ranges::find(members_, key, &Member::key);
  if (member != members_.end()) {
    member->value = std::move(bytes);
  } else {
    members_.push_back({std::string(key), std::move(bytes)});
  }
}

GgufWriter::GgufWriter(const std::filesystem::path& path, const GgufMetadata& metadata,
                       const std::vector<GgufEntry>& entries, std::int64_t alignment)
    : file_(path), alignment_(alignment) {
  Bytes head;
  for (const char c : {'G', 'G', 'U', 'F'}) head.push_back(static_cast<std::byte>(c));
  put<std::uint32_t>(head, 3);
  put<std::uint64_t>(head, entries.size());
  put<std::uint64_t>(head, metadata.members_.size());
  for (const GgufMetadata::Member& m : metadata.members_) {
    put_string(head, m.key);
    head.insert(head.end(), m.value.begin(), m.value.end());
  }
  std::int64_t offset = 0;
  for (const GgufEntry& e : entries) {
    put_string(head, e.name);
    put<std::uint32_t>(head, static_cast<std::uint32_t>(e.shape.rank()));
    for (int i = e.shape.rank() - 1; i >= 0; --i) put<std::uint64_t>(head, static_cast<std::uint64_t>(e.shape[i]));
    put(head, e.type);
    put<std::uint64_t>(head, static_cast<std::uint64_t>(offset));
    offset = checked_round_up(checked_add(offset, e.bytes, "GGUF"), alignment, "GGUF");
  }
  file_.write(head.data(), std::ssize(head));
  file_.pad_to(alignment_);
}

}  // namespace ttt
