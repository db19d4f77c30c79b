#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/text_table.h"
#include "checkpoint/gguf_translate.h"
#include "checkpoint/printable.h"

namespace ttt {
namespace {

constexpr std::string_view kHole = "{}";
// Several times what the largest published models have.
constexpr std::int64_t kMostExperts = 8192, kMostUnrolled = std::int64_t{1} << 18;

// "blk.12.attn_q.weight" as the pattern "blk.{}.attn_q.weight" and 12; -1 without a number between dots.
struct LayerName {
  std::string pattern;
  std::int64_t layer = -1;
};

LayerName layer_name(std::string_view name) {
  for (std::size_t begin = 0; begin < name.size();) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    std::int64_t n = 0;
    const auto r = std::from_chars(part.data(), part.data() + part.size(), n);
    // One spelling per number, else two tensors could get one name.
    const bool plain = part.size() == 1 || !part.starts_with('0');
    if (r.ec == std::errc{} && r.ptr == part.data() + part.size() && n >= 0 && plain) {
      return {text(name.substr(0, begin), kHole, name.substr(end)), n};
    }
    begin = end + 1;
  }
  return {std::string(name), -1};
}

std::int64_t holes(std::string_view pattern) {
  std::int64_t n = 0;
  for (std::size_t at = pattern.find(kHole); at != std::string_view::npos; at = pattern.find(kHole, at + 2)) ++n;
  return n;
}

void fill_hole(std::string& pattern, std::int64_t n) {
  const std::size_t at = pattern.find(kHole);
  if (at != std::string::npos) pattern.replace(at, kHole.size(), text(n));
}

class TensorTranslator {
 public:
  TensorTranslator(const GgufFile& file, const GgufSpelling& spelling, const Json& config)
      : file_(file), config_(config) {
    for (const GgufTensor& p : spelling.tensors) patterns_.emplace(p.file, &p);
  }

  GgufTensors translate() {
    for (const StoredTensor& t : file_.tensors()) {
      const LayerName name = layer_name(t.name);
      auto p = patterns_.find(t.name);
      if (p == patterns_.end()) p = patterns_.find(name.pattern);
      if (p != patterns_.end()) {
        rename(t, *p->second, p->first == t.name ? -1 : name.layer);
      } else {
        if (t.name != "rope_freqs.weight") result_.unnamed.push_back(t.name);
        result_.tensors.push_back(t);
      }
    }
    return std::move(result_);
  }

 private:
  [[noreturn]] static void refuse(const StoredTensor& t, const std::string& problem) {
    fail(ErrorKind::kBadData, text(t.file, ": tensor ", printable(t.name), " ", problem));
  }

  std::int64_t heads(std::string_view key, std::int64_t layer, const StoredTensor& t) const {
    const Json* v = config_.find(key);
    if (v != nullptr && v->is_array()) {
      const Json::Array& items = v->as_array(key);
      if (layer < 0 || layer >= static_cast<std::int64_t>(items.size())) refuse(t, text("has no entry in ", key));
      v = &items[static_cast<std::size_t>(layer)];
    }
    if (v == nullptr || !v->is_integer()) {
      const bool kv = key == "num_key_value_heads";
      refuse(t, text("needs attention.head_count", kv ? "_kv" : "", ", which the file does not state"));
    }
    return v->as_integer(key);
  }

  void change(StoredTensor& t, GgufChange change, std::int64_t layer) const {
    switch (change) {
      case GgufChange::kNone:
        break;
      case GgufChange::kUnpermuteHeads:
      case GgufChange::kUnpermuteKvHeads: {
        const bool kv = change == GgufChange::kUnpermuteKvHeads;
        const std::int64_t n = heads(kv ? "num_key_value_heads" : "num_attention_heads", layer, t);
        const std::int64_t rows = t.shape.rank() > 0 ? t.shape[0] : 1;
        if (n < 1 || rows % n != 0 || rows / n % 2 != 0) {
          refuse(t, text("wanted rows for ", n, " heads (attention.head_count", kv ? "_kv" : "",
                         ") of an even width, got ", rows));
        }
        t.rotary_heads = n;
        break;
      }
      case GgufChange::kSubtractOne:
        t.subtract_one = true;
        break;
      case GgufChange::kTransposed:
        if (t.shape.rank() != 2) refuse(t, text("wanted two extents, got ", t.shape.to_string()));
        t.shape = {t.shape[1], t.shape[0]};
        t.transposed = true;
        break;
      case GgufChange::kJoined:
      case GgufChange::kJoinedTransposed: {
        if (t.shape.rank() != 3) refuse(t, text("wanted three extents, got ", t.shape.to_string()));
        const bool turned = change == GgufChange::kJoinedTransposed;
        const std::int64_t n = t.shape[0], out = t.shape[turned ? 2 : 1], in = t.shape[turned ? 1 : 2];
        t.shape = {n * out, in};
        if (turned) t.transposed_parts = n;
        t.transposed = turned;
        break;
      }
      case GgufChange::kAsRow:
        if (t.shape.rank() == 1) t.shape = {1, t.shape[0]};
        break;
    }
  }

  void rename(const StoredTensor& stored, const GgufTensor& pattern, std::int64_t layer) {
    std::string name(pattern.name);
    if (layer >= 0) fill_hole(name, layer);
    if (holes(name) == 0) {
      StoredTensor t = stored;
      change(t, pattern.change, layer);
      t.name = std::move(name);
      result_.tensors.push_back(std::move(t));
      return;
    }
    if (stored.shape.rank() < 2 || stored.shape[0] < 1) refuse(stored, "wanted an outermost extent to unroll");
    Shape inner;
    for (int i = 1; i < stored.shape.rank(); ++i) inner.append(stored.shape[i]);
    const std::int64_t count = stored.shape[0], bytes = stored.bytes / count;
    // Without elements the file's bytes bound nothing, and with few of them each they bound too little.
    if (bytes == 0) refuse(stored, text("wanted elements to unroll, got ", stored.shape.to_string()));
    unrolled_ += count;
    if (count > kMostExperts || unrolled_ > kMostUnrolled) {
      refuse(stored, text("unrolls into ", count, " tensors, wanted at most ", kMostExperts, ", and ", kMostUnrolled,
                          " of all tensors"));
    }
    for (std::int64_t i = 0; i < count; ++i) {
      StoredTensor t = stored;
      t.shape = inner;
      t.bytes = bytes;
      t.offset += i * bytes;
      t.data += i * bytes;
      change(t, pattern.change, layer);
      t.name = name;
      fill_hole(t.name, i);
      result_.tensors.push_back(std::move(t));
    }
  }

  const GgufFile& file_;
  const Json& config_;
  TextTable<const GgufTensor*> patterns_;
  std::int64_t unrolled_ = 0;
  GgufTensors result_;
};

}  // namespace

GgufTensors gguf_tensors(const GgufFile& file, const GgufSpelling& spelling, const Json& config) {
  return TensorTranslator(file, spelling, config).translate();
}

}  // namespace ttt
