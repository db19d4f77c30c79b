#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include "base/checked.h"
#include "base/error.h"
#include "checkpoint/checkpoint_builder.h"
#include "checkpoint/gguf_writer.h"
#include "checkpoint/printable.h"
#include "checkpoint/safetensors_writer.h"
#include "checkpoint/stored_formats.h"
#include "runtime/quantize/writing.h"

namespace ttt {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kLargestCopy = std::int64_t{256} << 20;

struct DirectoryItem {
  const PlannedTensor* tensor = nullptr;
  SafetensorsEntry entry = {};
  Json format = {};   // null: a dtype says it all
  int alignment = 1;  // that readers like
};

std::string_view dtype_of(Format format) {
  constexpr std::array<std::pair<Format, std::string_view>, 11> kDtypes{{{Format::kF32, "F32"},
                                                                         {Format::kF16, "F16"},
                                                                         {Format::kBF16, "BF16"},
                                                                         {Format::kF64, "F64"},
                                                                         {Format::kI8, "I8"},
                                                                         {Format::kI16, "I16"},
                                                                         {Format::kI32, "I32"},
                                                                         {Format::kI64, "I64"},
                                                                         {Format::kBool, "BOOL"},
                                                                         {Format::kF8E4M3, "F8_E4M3"},
                                                                         {Format::kU8, "U8"}}};
  const auto i = std::ranges::find(kDtypes, format, &std::pair<Format, std::string_view>::first);
  return i == kDtypes.end() ? std::string_view() : i->second;
}

DirectoryItem item_of(const PlannedTensor& t) {
  const TensorRows rows(t);
  const Format format = rows.format();
  DirectoryItem item{
      .tensor = &t,
      .entry = {.name = t.name, .dtype = "U8", .bytes = checked_mul(rows.rows(), rows.row_bytes(), t.name)}};
  if (!is_grouped(format)) {
    item.entry.dtype = format == Format::kOther ? t.source->format_name : std::string(dtype_of(format));
    item.entry.shape = t.shape;
    item.alignment = static_cast<int>(std::max<std::int64_t>(traits_of(format).block_bytes, 1));
    return item;
  }
  const int last = t.shape.rank() - 1;
  for (int i = 0; i < last - 1; ++i) item.entry.shape.append(t.shape[i]);
  const std::int64_t out = t.shape[t.transposed ? last : last - 1], in = t.shape[t.transposed ? last - 1 : last];
  item.entry.shape.append(out);
  item.entry.shape.append(stored_bytes(format, in, t.name));
  item.format = stored_format_entry(format, t.shape, t.transposed);
  item.alignment = format == Format::kMXFP4 ? 1 : 2;
  return item;
}

// Tensors that no block uses and that a directory has no name for are left out.
std::vector<DirectoryItem> items_of(const QuantizePlan& plan, bool from_gguf, QuantizeResult& result) {
  std::vector<DirectoryItem> items;
  for (const PlannedTensor& t : plan.tensors) {
    if (from_gguf && t.source->format == Format::kOther) {
      require(!t.used, ErrorKind::kUnsupported, t.source->file, ": tensor ", printable(t.name), " of ",
              t.source->format_name, " cannot be written to a directory");
      result.notes.push_back(text(printable(t.name), " of ", t.source->format_name, " is not used and left out"));
      continue;
    }
    items.push_back(item_of(t));
  }
  return items;
}

std::vector<std::vector<DirectoryItem>> shards_of(std::vector<DirectoryItem> items, std::int64_t most) {
  std::vector<std::vector<DirectoryItem>> shards(1);
  std::int64_t bytes = 0;
  for (DirectoryItem& item : items) {
    if (!shards.back().empty() && bytes + item.entry.bytes > most) {
      shards.emplace_back();
      bytes = 0;
    }
    bytes += item.entry.bytes;
    shards.back().push_back(std::move(item));
  }
  // Larger units first: every tensor then begins at a multiple of its own.
  for (std::vector<DirectoryItem>& shard : shards) {
    std::ranges::stable_sort(shard, std::ranges::greater{}, &DirectoryItem::alignment);
  }
  return shards;
}

std::string shard_name(std::size_t i, std::size_t count) {
  if (count == 1) return "model.safetensors";
  const auto five = [](std::size_t n) {
    const std::string s = text(n);
    return s.size() >= 5 ? s : std::string(5 - s.size(), '0') + s;
  };
  return text("model-", five(i + 1), "-of-", five(count), ".safetensors");
}

void write_text(const fs::path& path, const std::string& content) {
  OutputFile file(path);
  file.write(content.data(), std::ssize(content));
  file.finish();
}

// Files of a model beside its weights: configurations, tokenizers, templates, modules, and what people read.
bool is_companion(const std::string& name) {
  constexpr std::array<std::string_view, 6> kEndings{".json", ".jinja", ".txt", ".model", ".tiktoken", ".md"};
  if (name.starts_with('.') || name == "config.json" || name.ends_with(".index.json")) return false;
  return name.starts_with("LICENSE") ||
         std::ranges::any_of(kEndings, [&](std::string_view ending) { return name.ends_with(ending); });
}

void copy_companions(const fs::path& from, const fs::path& to, int depth) {
  std::error_code none;
  for (const std::string& name : names_in(from)) {
    if (fs::is_directory(from / name, none)) {
      if (depth == 0 || name.starts_with('.')) continue;
      std::error_code code;
      fs::create_directory(to / name, code);
      if (code) fail_write(to / name, code.value());
      copy_companions(from / name, to / name, depth - 1);
      fs::remove(to / name, none);  // if nothing was copied
    } else if (is_companion(name) && fs::is_regular_file(from / name, none)) {
      write_text(to / name, read_small_file(from / name, kLargestCopy, name));
    }
  }
}

Json config_of(const Checkpoint& source, const QuantizePlan& plan, bool described) {
  Json config = source.config();
  if (described && config.find("quantization_config") == nullptr) {
    config.set("quantization_config", Json::Object{{"quant_method", "ttt"}, {"version", kStoredFormatsVersion}});
  }
  if (plan.untied.empty()) return config;
  // Where a model for text is a part of another, its keys are below.
  const Json* part = config.find("text_config");
  if (part != nullptr && part->is_object()) {
    Json changed = *part;
    changed.set("tie_word_embeddings", false);
    config.set("text_config", std::move(changed));
  }
  if (part == nullptr || config.find("tie_word_embeddings") != nullptr) config.set("tie_word_embeddings", false);
  return config;
}

}  // namespace

bool write_directory(const Checkpoint& source, const QuantizePlan& plan, const QuantizeOptions& options,
                     const fs::path& to, QuantizeResult& result) {
  std::error_code code;
  fs::create_directory(to, code);
  if (code) fail_write(to, code.value());
  const std::vector<std::vector<DirectoryItem>> shards =
      shards_of(items_of(plan, source.kind() == CheckpointKind::kGguf, result), options.shard_bytes);
  bool described = false;
  for (const std::vector<DirectoryItem>& shard : shards) {
    for (const DirectoryItem& item : shard) {
      result.bytes += item.entry.bytes;
      result.source_bytes += item.tensor->source->bytes;
      ++result.tensors;
      described = described || !item.format.is_null();
    }
  }
  if (source.kind() == CheckpointKind::kDirectory) {
    copy_companions(source.path(), to, 2);
  }
  if (source.gguf() != nullptr) {  // its vocabulary
    GgufWriter vocabulary(to / kTokenizerGguf, GgufMetadata::of(*source.gguf()), {}, source.gguf()->alignment());
    vocabulary.finish();
  }
  write_text(to / "config.json", config_of(source, plan, described).dump(2) + "\n");
  Writing writing(source, options, result.bytes);
  Json::Object weight_map;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string name = shard_name(i, shards.size());
    std::vector<SafetensorsEntry> entries;
    Json::Object formats;
    for (const DirectoryItem& item : shards[i]) {
      entries.push_back(item.entry);
      weight_map.emplace_back(item.entry.name, name);
      if (!item.format.is_null()) formats.emplace_back(item.entry.name, item.format);
    }
    std::vector<std::pair<std::string, std::string>> metadata{{"format", "pt"}};
    if (!formats.empty()) metadata.emplace_back(kStoredFormatsKey, stored_formats_text(Json(std::move(formats))));
    SafetensorsWriter file(to / name, entries, metadata);
    for (const DirectoryItem& item : shards[i]) {
      if (!writing.write(*item.tensor, file)) return false;
    }
    file.finish();
  }
  if (shards.size() > 1) {
    std::ranges::sort(weight_map, {}, &Json::Member::first);
    const Json index(
        Json::Object{{"metadata", Json::Object{{"total_size", result.bytes}}}, {"weight_map", std::move(weight_map)}});
    write_text(to / "model.safetensors.index.json", index.dump(2) + "\n");
  }
  return true;
}

}  // namespace ttt
