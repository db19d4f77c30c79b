#include "checkpoint/weight_store.h"

#include <algorithm>
#include <cstring>

#include "checkpoint/overflow.h"
#include "checkpoint/unused_tensors.h"
#include "checkpoint/weight_values.h"
#include "kernels/formats/dense_values.h"
#include "kernels/formats/packed.h"
#include "kernels/formats/stored_block.h"

namespace ttt {
namespace {

constexpr std::int64_t kPanelsPerTask = 16;
// A configuration may ask for thousands of layers of thousands of experts that the file has not.
constexpr std::size_t kMostProblems = 65536;
constexpr std::int64_t kBytesPerTask = std::int64_t{1} << 20;

std::string form_key(const WeightForm& f) {
  const TensorName& s = f.selection;
  return text(f.tensor->name, "|", s.outer, "|", s.begin, ",", s.run, ",", s.stride, ",", s.count, "|", f.transposed,
              "|", f.row_begin, ",", f.row_count, ",", f.column_begin, ",", f.column_count, "|", f.shape.to_string(),
              "|", name_of(f.format), "|", f.layout == Layout::kPanels);
}

WeightRecord record_of(const WeightForm& f) {
  return {.name = f.tensor->name,
          .stored = f.tensor->format,
          .format = f.format,
          .layout = f.layout,
          .mapped = f.steps == WeightSteps::kView,
          .bytes = f.bytes};
}

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

WeightBytes sum_of(const std::vector<WeightRecord>& records) {
  WeightBytes sum;
  for (const WeightRecord& r : records) (r.mapped ? sum.mapped : sum.owned) += r.bytes;
  return sum;
}

// First byte of the wanted part in the file; rows must be contiguous.
const std::byte* first_byte(const WeightForm& f) {
  const FormatTraits& t = traits_of(f.tensor->format);
  if (f.row_count == 0 || f.column_count == 0) return f.tensor->data;
  const std::int64_t row = stored_bytes(f.tensor->format, f.columns, f.tensor->name);
  return f.tensor->data + f.source_row(0) * row + f.column_begin / t.block_elements * t.block_bytes;
}

void copy_rows(const WeightForm& f, std::int64_t begin, std::int64_t end, std::byte* to) {
  const FormatTraits& t = traits_of(f.tensor->format);
  const std::int64_t row = stored_bytes(f.tensor->format, f.columns, f.tensor->name);
  const std::int64_t width = f.column_count / t.block_elements * t.block_bytes;
  const std::int64_t skip = f.column_begin / t.block_elements * t.block_bytes;
  for (std::int64_t i = begin; i < end; ++i) {
    std::memcpy(to + i * width, f.tensor->data + f.source_row(i) * row + skip, static_cast<std::size_t>(width));
  }
}

void convert_rows(const WeightForm& f, std::int64_t begin, std::int64_t end, OverflowCheck& overflow, std::byte* to) {
  const std::int64_t unit = traits_of(f.format).block_bytes;
  // Few rows at a time stay in cache; a vector's rows are single values.
  const std::int64_t step = std::clamp<std::int64_t>(16384 / std::max<std::int64_t>(f.column_count, 1), 1, end - begin);
  std::vector<float> values(static_cast<std::size_t>(step * f.column_count));
  for (std::int64_t i = begin; i < end; i += step) {
    const std::int64_t n = std::min(step, end - i);
    read_values(f, i, n, values.data());
    if (overflow.wanted()) overflow.examine(i, n, values.data());
    if (is_grouped(f.format)) {  // a table
      for (std::int64_t r = 0; r < n; ++r) {
        kernels::write_stored_row(f.format, values.data() + r * f.column_count, f.column_count,
                                  to + (i + r) * f.row_bytes);
      }
    } else {
      kernels::encode_dense(f.format, values.data(), n * f.column_count, to + i * f.column_count * unit);
    }
  }
}

// Before rows are packed straight from the file.
void examine_panels(const WeightForm& f, std::int64_t begin, std::int64_t end, OverflowCheck& overflow) {
  const std::int64_t first = begin * kernels::kPanelColumns, last = std::min(f.row_count, end * kernels::kPanelColumns);
  std::vector<float> values(static_cast<std::size_t>(f.column_count));
  for (std::int64_t row = first; row < last; ++row) {
    read_values(f, row, 1, values.data());
    overflow.examine(row, 1, values.data());
  }
}

// Rows that are assembled.
void join_panels(const WeightForm& f, std::int64_t begin, std::int64_t end, std::byte* to) {
  const std::int64_t panel_bytes = kernels::packed_bytes(f.format, kernels::kPanelColumns, f.column_count);
  const std::int64_t row_bytes = stored_bytes(f.format, f.columns, f.tensor->name);
  std::vector<std::byte> rows(static_cast<std::size_t>(kernels::kPanelColumns * row_bytes));
  for (std::int64_t p = begin; p < end; ++p) {
    const std::int64_t first = p * kernels::kPanelColumns;
    const std::int64_t n = std::min(kernels::kPanelColumns, f.row_count - first);
    for (std::int64_t i = 0; i < n; ++i)
      f.tensor->assembled->read(f.source_row(first + i), rows.data() + i * row_bytes);
    const kernels::PackSource source{.rows = view_of(rows.data(), f.format, {n, f.columns}),
                                     .in_begin = f.column_begin};
    kernels::pack_panels(f.format, source, n, f.column_count, 0, 1, to + p * panel_bytes);
  }
}

void requantise_panels(const WeightForm& f, std::int64_t begin, std::int64_t end, std::byte* to) {
  if (f.tensor->assembled != nullptr && f.format == f.tensor->format) return join_panels(f, begin, end, to);
  const std::int64_t panel_bytes = kernels::packed_bytes(f.format, kernels::kPanelColumns, f.column_count);
  WeightForm whole = f;  // a row's scale does not depend on how it is cut
  whole.column_begin = f.all_begin;
  whole.column_count = f.all_count;
  std::vector<float> values(static_cast<std::size_t>(kernels::kPanelColumns * f.all_count));
  for (std::int64_t p = begin; p < end; ++p) {
    const std::int64_t first = p * kernels::kPanelColumns;
    const std::int64_t n = std::min(kernels::kPanelColumns, f.row_count - first);
    read_values(whole, first, n, values.data());
    const kernels::PackSource source{.rows = view_of(values.data(), {n, f.all_count}),
                                     .in_begin = f.column_begin - f.all_begin};
    kernels::pack_panels(f.format, source, n, f.column_count, 0, 1, to + p * panel_bytes);
  }
}

class Filler {
 public:
  Filler(const WeightForm& form, const ParallelFor& parallel_for, std::byte* to)
      : f_(form), parallel_for_(parallel_for), to_(to), overflow_(form) {}

  // Error{kUsage} when the format asked for cannot hold a value.
  void fill() {
    if (f_.row_count == 0 || f_.column_count == 0) return;
    fill_rows();
    overflow_.require_none();
  }

 private:
  void fill_rows() {
    const std::int64_t rows_per_task = std::max<std::int64_t>(1, kBytesPerTask / std::max<std::int64_t>(1, row_cost()));
    switch (f_.steps) {
      case WeightSteps::kView:
        break;
      case WeightSteps::kCopy:
        ranges(f_.row_count, rows_per_task, [&](std::int64_t b, std::int64_t e) { copy_rows(f_, b, e, to_); });
        break;
      case WeightSteps::kConvert:
        ranges(f_.row_count, rows_per_task,
               [&](std::int64_t b, std::int64_t e) { convert_rows(f_, b, e, overflow_, to_); });
        break;
      case WeightSteps::kPack:
        pack();
        break;
      case WeightSteps::kRequantise:
        ranges(panels(), kPanelsPerTask, [&](std::int64_t b, std::int64_t e) {
          if (overflow_.wanted()) examine_panels(f_, b, e, overflow_);
          requantise_panels(f_, b, e, to_);
        });
        break;
    }
  }

  std::int64_t row_cost() const { return f_.column_count * 4; }
  std::int64_t panels() const { return (f_.row_count + kernels::kPanelColumns - 1) / kernels::kPanelColumns; }

  template <class Body>
  void ranges(std::int64_t n, std::int64_t per_task, const Body& body) const {
    const std::int64_t tasks = (n + per_task - 1) / per_task;
    parallel_for_(tasks, [&](std::int64_t i) { body(i * per_task, std::min(n, (i + 1) * per_task)); });
  }

  void pack() {
    kernels::PackSource source{.rows = stored_view(f_), .row_index = nullptr, .in_begin = f_.column_begin};
    std::vector<std::int64_t> index;
    if (f_.rows_are_contiguous()) {
      source.rows.data += f_.source_row(0) * source.rows.row_bytes;
      source.rows.shape = {f_.row_count, f_.columns};
    } else {
      index.resize(static_cast<std::size_t>(f_.row_count));
      for (std::int64_t i = 0; i < f_.row_count; ++i) index[static_cast<std::size_t>(i)] = f_.source_row(i);
      source.row_index = index.data();
    }
    ranges(panels(), kPanelsPerTask, [&](std::int64_t b, std::int64_t e) {
      if (overflow_.wanted()) examine_panels(f_, b, e, overflow_);
      kernels::pack_panels(f_.format, source, f_.row_count, f_.column_count, b, e, to_);
    });
  }

  const WeightForm& f_;
  const ParallelFor& parallel_for_;
  std::byte* to_;
  OverflowCheck overflow_;
};

}  // namespace

WeightStore::WeightStore(const Checkpoint& checkpoint, ParallelFor parallel_for,
                         std::shared_ptr<const CachedWeights> cached)
    : checkpoint_(checkpoint), parallel_for_(parallel_for), cached_(std::move(cached)) {}

bool WeightStore::has(const std::string& full_name) const { return checkpoint_.find(full_name) != nullptr; }

ConstTensorView WeightStore::fetch(const WeightRequest& request) {
  const WeightForm form = weight_form(checkpoint_, request);
  used_.insert(form.tensor->name);
  std::string key = form_key(form);
  if (const auto known = views_.find(key); known != views_.end()) return known->second;
  bool from_cache = false;
  const ConstTensorView view = make(form, key, from_cache);
  views_.emplace(std::move(key), view);
  records_.push_back(record_of(form));
  records_.back().mapped = records_.back().mapped || from_cache;
  return view;
}

ConstTensorView WeightStore::make(const WeightForm& form, const std::string& key, bool& from_cache) {
  ConstTensorView view{
      .data = nullptr, .format = form.format, .layout = form.layout, .shape = form.shape, .row_bytes = form.row_bytes};
  if (form.steps == WeightSteps::kView) {
    view.data = first_byte(form);
    return view;
  }
  if (form.bytes == 0) {
    view.data = form.tensor->data;
    return view;
  }
  if (const std::byte* known = cached_ == nullptr ? nullptr : cached_->find(key, form.bytes)) {
    from_cache = true;
    view.data = known;
    return view;
  }
  Buffer memory(form.bytes);
  Filler(form, parallel_for_, memory.data()).fill();
  checkpoint_.release(*form.tensor);
  view.data = memory.data();
  made_.push_back({key, std::move(memory), form.bytes});
  return view;
}

std::vector<CachedPart> WeightStore::made() const {
  std::vector<CachedPart> parts;
  for (const Made& m : made_) parts.push_back({.name = m.key, .data = m.memory.data(), .bytes = m.bytes});
  return parts;
}

WeightBytes WeightStore::bytes() const { return sum_of(records_); }

std::vector<std::string> WeightStore::unused() const { return unused_tensors(checkpoint_, used_); }

ConstTensorView HeaderSource::fetch(const WeightRequest& request) {
  const StoredTensor* tensor = checkpoint_.find(request.full_name());
  if (tensor != nullptr) used_.insert(tensor->name);
  try {
    const WeightForm form = weight_form(checkpoint_, request);
    if (std::string key = form_key(form); seen_.insert(key).second) {
      records_.push_back(record_of(form));
      if (form.steps != WeightSteps::kView && form.bytes > 0) made_.push_back(std::move(key));
    }
    return {.data = nullptr,
            .format = form.format,
            .layout = form.layout,
            .shape = form.shape,
            .row_bytes = form.row_bytes};
  } catch (const Error& e) {
    std::string message = e.what();
    if (tensor != nullptr) message += text(" (", tensor->name, " of ", file_name(tensor->file), ")");
    problems_.push_back({e.kind(), request.full_name(), std::move(message), tensor == nullptr});
    if (problems_.size() == kMostProblems) require_complete();
    return {.data = nullptr,
            .format = Format::kF32,
            .layout = Layout::kRowMajor,
            .shape = request.cut_shape(),
            .row_bytes = 0};
  }
}

void HeaderSource::require_complete() const {
  constexpr std::size_t kShown = 5;
  if (problems_.empty()) return;
  std::vector<const Problem*> others;
  std::set<std::string> missing;
  for (const Problem& p : problems_) {
    if (p.missing) {
      missing.insert(p.name);
    } else {
      others.push_back(&p);
    }
  }
  std::string message;
  for (std::size_t i = 0; i < std::min(others.size(), kShown); ++i) message += (i > 0 ? "; " : "") + others[i]->message;
  if (others.size() > kShown) message += text("; and ", others.size() - kShown, " more problems");
  if (!missing.empty()) {
    message += text(message.empty() ? "" : "; ", missing.size(), " tensors missing: ");
    std::size_t i = 0;
    for (const std::string& name : missing) {
      if (i < kShown) message += (i > 0 ? ", " : "") + name;
      ++i;
    }
    if (missing.size() > kShown) message += ", ...";
  }
  fail(others.empty() ? ErrorKind::kBadData : others.front()->kind, text(checkpoint_.path().string(), ": ", message));
}

WeightBytes HeaderSource::bytes() const { return sum_of(records_); }

std::vector<std::string> HeaderSource::unused() const { return unused_tensors(checkpoint_, used_); }

}  // namespace ttt
