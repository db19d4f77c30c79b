#include "runtime/verify/trace.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "kernels/formats/dense_values.h"

namespace ttt {
namespace {

constexpr std::string_view kIds = "input_ids";

std::vector<std::int32_t> integers(const StoredTensor& t) {
  require(t.format == Format::kI32, ErrorKind::kBadData, t.file, ": ", t.name, " wanted integers of 32 bits, got ",
          t.format_name);
  std::vector<std::int32_t> values(static_cast<std::size_t>(t.shape.elements()));
  if (!values.empty()) std::memcpy(values.data(), t.data, values.size() * sizeof values[0]);
  return values;
}

std::vector<float> numbers(const StoredTensor& t) {
  if (t.format == Format::kI32) {
    const std::vector<std::int32_t> whole = integers(t);
    return {whole.begin(), whole.end()};
  }
  require(is_dense(t.format) || t.format == Format::kF64, ErrorKind::kBadData, t.file, ": ", t.name,
          " wanted f32, f16, bf16 or f64, got ", t.format_name);
  std::vector<float> values(static_cast<std::size_t>(t.shape.elements()));
  kernels::decode_dense(t.format, t.data, t.shape.elements(), values.data());
  return values;
}

}  // namespace

Trace Trace::load(const std::filesystem::path& path) {
  Trace trace;
  trace.file_ = open_safetensors(path);
  require(trace.metadata("format") == "ttt-trace", ErrorKind::kBadData, path.string(),
          ": wanted a trace of tools/record_trace.py (format \"ttt-trace\"), got format \"", trace.metadata("format"),
          "\"");
  const StoredTensor* ids = trace.find(kIds);
  require(ids != nullptr, ErrorKind::kBadData, path.string(), ": a trace wanted ", kIds, ", got none");
  trace.ids_ = integers(*ids);
  require(!trace.ids_.empty(), ErrorKind::kBadData, path.string(), ": ", kIds, " wanted at least one token, got none");
  return trace;
}

const StoredTensor* Trace::find(std::string_view name) const {
  const auto found = std::ranges::find(file_.tensors, name, &StoredTensor::name);
  return found == file_.tensors.end() ? nullptr : &*found;
}

std::optional<testing::Values> Trace::values(std::string_view name) const {
  const StoredTensor* t = find(name);
  if (t == nullptr) return std::nullopt;
  const std::int64_t width = t->shape.rank() < 2 ? 1 : t->shape[t->shape.rank() - 1];
  if (width == 0) return std::nullopt;
  return testing::rows_of_values(numbers(*t), width);
}

std::vector<std::string> Trace::modules() const {
  constexpr std::string_view kEnd = ":out";
  std::vector<std::string> names;
  for (const StoredTensor& t : file_.tensors) {
    if (t.name.ends_with(kEnd)) names.push_back(t.name.substr(0, t.name.size() - kEnd.size()));
  }
  return names;
}

std::string Trace::metadata(std::string_view key) const {
  for (const auto& [name, value] : file_.metadata) {
    if (name == key) return value;
  }
  return {};
}

}  // namespace ttt
