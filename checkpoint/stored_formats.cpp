#include "checkpoint/stored_formats.h"

#include <algorithm>

#include "base/checked.h"
#include "base/error.h"
#include "checkpoint/printable.h"

namespace ttt {
namespace {

constexpr std::int64_t kMostBytes = std::int64_t{64} << 20;

Shape shape_of(const Json& extents, const std::string& where) {
  Shape shape;
  const Json::Array& items = extents.as_array(where + ": shape");
  require(items.size() >= 2 && items.size() <= static_cast<std::size_t>(Shape::kMaxRank), ErrorKind::kBadData, where,
          ": shape wanted 2 to ", Shape::kMaxRank, " extents, got ", items.size());
  for (const Json& item : items) {
    const std::int64_t extent = item.as_integer(where + ": shape");
    require(extent >= 0, ErrorKind::kBadData, where, ": shape wanted extents of at least 0, got ", extent);
    shape.append(extent);
  }
  return shape;
}

void apply(StoredTensor& t, const Json& entry, const std::string& where) {
  const std::string& name = entry.at("format", where).as_string(where + ": format");
  const std::optional<Format> format = format_named(name);
  require(format.has_value() && is_grouped(*format), ErrorKind::kUnsupported, where,
          ": format wanted a grouped format, got ", printable(name));
  const Shape shape = shape_of(entry.at("shape", where), where);
  const Json* turned = entry.find("transposed");
  const bool transposed = turned != nullptr && turned->as_bool(where + ": transposed");
  const int last = shape.rank() - 1;
  // The extents as the file has them.
  Shape rows;
  for (int i = 0; i < shape.rank(); ++i) {
    const int from = transposed && i >= last - 1 ? (i == last ? last - 1 : last) : i;
    rows.append(i == last ? stored_bytes(*format, shape[from], where) : shape[from]);
  }
  require(t.format == Format::kU8 && !t.unusable_rank && t.shape == rows, ErrorKind::kBadData, where, ": wanted bytes ",
          rows.to_string(), " of dtype U8 for ", name, " ", shape.to_string(), ", got ", t.shape.to_string(), " of ",
          printable(t.format_name));
  t.format = *format;
  t.format_name = name;
  t.shape = shape;
  t.transposed = transposed;
}

}  // namespace

void apply_stored_formats(std::vector<StoredTensor>& tensors,
                          const std::vector<std::pair<std::string, std::string>>& metadata, const std::string& file) {
  const auto described =
      std::ranges::find_if(metadata, [](const auto& member) { return member.first == kStoredFormatsKey; });
  if (described == metadata.end()) return;
  const std::string where = text(file, ": ", kStoredFormatsKey);
  const Json json = Json::parse(described->second, where, {.bytes = kMostBytes});
  const std::int64_t version = json.at("version", where).as_integer(where + ": version");
  require(version == kStoredFormatsVersion, ErrorKind::kUnsupported, where, ": version wanted ", kStoredFormatsVersion,
          ", got ", version);
  std::vector<std::pair<std::string_view, StoredTensor*>> by_name;
  by_name.reserve(tensors.size());
  for (StoredTensor& t : tensors) by_name.emplace_back(t.name, &t);
  std::ranges::sort(by_name, {}, &std::pair<std::string_view, StoredTensor*>::first);
  for (const auto& [name, entry] : json.at("tensors", where).as_object(where + ": tensors")) {
    const auto found = std::ranges::lower_bound(by_name, std::string_view(name), {},
                                                &std::pair<std::string_view, StoredTensor*>::first);
    require(found != by_name.end() && found->first == name, ErrorKind::kBadData, where, ": names tensor ",
            printable(name), ", which the file does not hold");
    apply(*found->second, entry, text(where, ": ", printable(name)));
  }
}

Json stored_format_entry(Format format, const Shape& shape, bool transposed) {
  Json::Array extents;
  for (int i = 0; i < shape.rank(); ++i) extents.emplace_back(shape[i]);
  Json entry(Json::Object{{"format", name_of(format)}, {"shape", std::move(extents)}});
  if (transposed) entry.set("transposed", true);
  return entry;
}

std::string stored_formats_text(Json tensors) {
  return Json(Json::Object{{"version", kStoredFormatsVersion}, {"tensors", std::move(tensors)}}).dump();
}

}  // namespace ttt
