#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/checked.h"
#include "base/error.h"
#include "checkpoint/gguf_translate.h"
#include "checkpoint/gguf_types.h"
#include "checkpoint/gguf_writer.h"
#include "checkpoint/printable.h"
#include "runtime/quantize/writing.h"

namespace ttt {
namespace {

// Codes and scales of int4 are those of Q4_1.
Format format_in_gguf(Format format) { return format == Format::kInt4 ? Format::kQ4_1 : format; }

// enum llama_ftype of ggml-org/llama.cpp; nothing for mixtures.
std::optional<std::uint32_t> file_type(Format format) {
  constexpr std::array<std::pair<Format, std::uint32_t>, 5> kTypes{
      {{Format::kF32, 0}, {Format::kF16, 1}, {Format::kQ4_1, 3}, {Format::kQ8_0, 7}, {Format::kBF16, 32}}};
  const auto i = std::ranges::find(kTypes, format_in_gguf(format), &std::pair<Format, std::uint32_t>::first);
  if (i == kTypes.end()) return std::nullopt;
  return i->second;
}

struct GgufItem {
  PlannedTensor tensor = {};  // of the file, under its name there
  GgufEntry entry = {};
};

class Translation {
 public:
  Translation(const Checkpoint& source, const QuantizePlan& plan, const GgufSpelling& spelling)
      : file_(*source.gguf()), spelling_(spelling) {
    for (const PlannedTensor& t : plan.tensors) {
      if (std::ranges::find(plan.untied, t.name) != plan.untied.end()) {
        untied_.push_back(&t);
      } else {
        by_place_[{t.source->file, t.source->offset}] = &t;
      }
    }
  }

  std::vector<GgufItem> items() const {
    std::vector<GgufItem> items;
    for (const StoredTensor& t : file_.tensors()) items.push_back(item(t, t.name, format_of(t)));
    for (const PlannedTensor* t : untied_) {
      for (const StoredTensor& stored : file_.tensors()) {
        if (stored.offset != t->source->offset || stored.file != t->source->file) continue;
        items.push_back(item(stored, file_name(t->name), t->format));
      }
    }
    return items;
  }

 private:
  // What the tensors become that are made of this one: several where the file joins experts.
  Format format_of(const StoredTensor& stored) const {
    Format format = stored.format;
    bool first = true;
    for (auto i = by_place_.lower_bound({stored.file, stored.offset}); i != by_place_.end(); ++i) {
      const PlannedTensor& t = *i->second;
      if (t.source->file != stored.file || t.source->offset >= stored.offset + std::max<std::int64_t>(stored.bytes, 1))
        break;
      require(first || t.format == format, ErrorKind::kUnsupported, stored.file, ": tensor ", printable(stored.name),
              " is one tensor in GGUF files, and would be in ", name_of(format), " and ", name_of(t.format));
      first = false;
      format = t.format;
      require(t.kept() || !is_grouped(t.format) || t.transposed == t.source->transposed, ErrorKind::kUnsupported,
              stored.file, ": tensor ", printable(stored.name),
              " holds the transpose of what is used and cannot be in ", name_of(t.format));
    }
    return format;
  }

  std::string file_name(const std::string& name) const {
    for (const GgufTensor& t : spelling_.tensors) {
      if (t.name == name) return std::string(t.file);
    }
    fail(ErrorKind::kUnsupported, text(file_.path(), ": files of architecture ", spelling_.architecture,
                                       " have no tensor for ", printable(name)));
  }

  static std::uint32_t type_of(const StoredTensor& stored, Format format) {
    for (std::uint32_t id = 0; id < kGgufTensorTypes; ++id) {
      const auto type = gguf_tensor_type(id);
      if (!type) continue;
      if (format == stored.format ? type->name == stored.format_name : type->format == format) return id;
    }
    fail(ErrorKind::kUnsupported,
         text(stored.file, ": tensor ", printable(stored.name), " cannot be ", name_of(format),
              " in a GGUF file, which has no such type; name a directory as the output instead"));
  }

  static GgufItem item(const StoredTensor& stored, const std::string& name, Format wanted) {
    GgufItem item{.tensor = {.name = name, .source = &stored, .format = wanted, .shape = stored.shape}};
    item.entry = {.name = name, .type = type_of(stored, format_in_gguf(wanted)), .shape = stored.shape};
    const TensorRows rows(item.tensor);
    item.entry.bytes = checked_mul(rows.rows(), rows.row_bytes(), name);
    return item;
  }

  const GgufFile& file_;
  const GgufSpelling& spelling_;
  std::map<std::pair<std::string, std::int64_t>, const PlannedTensor*> by_place_;
  std::vector<const PlannedTensor*> untied_;
};

}  // namespace

bool write_gguf(const Checkpoint& source, const QuantizePlan& plan, std::span<const Family> families,
                const QuantizeOptions& options, const std::filesystem::path& to, QuantizeResult& result) {
  const GgufFile* file = source.gguf();
  require(
      source.kind() == CheckpointKind::kGguf, ErrorKind::kUnsupported, source.path().string(),
      ": a GGUF file can be written from a GGUF file only: the vocabulary of a directory has no translation; name a "
      "directory as the output instead");
  const std::vector<GgufSpelling> spellings = gguf_spellings(families);
  const std::vector<GgufItem> items = Translation(source, plan, spelling_of(*file, spellings)).items();
  std::vector<GgufEntry> entries;
  bool quantised = false;
  for (const GgufItem& item : items) {
    entries.push_back(item.entry);
    result.bytes += item.entry.bytes;
    result.source_bytes += item.tensor.source->bytes;
    quantised = quantised || (!item.tensor.kept() && is_grouped(item.tensor.format));
  }
  result.tensors = std::ssize(items);
  GgufMetadata metadata = GgufMetadata::of(*file);
  if (options.load.weight_format) {
    if (const auto type = file_type(*options.load.weight_format)) metadata.set("general.file_type", *type);
  }
  if (quantised) metadata.set("general.quantization_version", 2);
  GgufWriter writer(to, metadata, entries, file->alignment());
  Writing writing(source, options, result.bytes);
  for (const GgufItem& item : items) {
    if (!writing.write(item.tensor, writer)) return false;
    writer.end_tensor();
  }
  writer.finish();
  return true;
}

}  // namespace ttt
