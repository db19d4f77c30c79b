#include "checkpoint/weight_form.h"

#include <cstdint>
#include <utility>

#include "base/checked.h"
#include "kernels/formats/packed.h"

namespace ttt {
namespace {

// Inputs on which a cut of packed weights may fall.
constexpr std::int64_t kPackedGroup = 32;
// Inputs that share a scale of the upper level.
constexpr std::int64_t kSuperGroup = 256;

struct Extents {
  std::int64_t rows = 1, columns = 1;
  bool operator==(const Extents&) const = default;
};

// As a matrix whose rows are counted over all extents but the last; the elements of a vector are its rows.
Extents by_last(const Shape& s) {
  if (s.rank() == 0) return {1, 1};
  if (s.rank() == 1) return {s[0], 1};
  Extents e{1, s[s.rank() - 1]};
  for (int i = 0; i + 1 < s.rank(); ++i) e.rows *= s[i];
  return e;
}

class FormMaker {
 public:
  FormMaker(const StoredTensor& tensor, const WeightRequest& request) : t_(tensor), r_(request) {}

  WeightForm make() {
    f_.tensor = &t_;
    f_.selection = r_.name;
    f_.transposed = r_.name.transposed != t_.transposed;
    f_.shape = r_.cut_shape();
    if (t_.unusable_rank) unsupported(text("has more than ", Shape::kMaxRank, " extents"));
    take_slice();
    match_shape();
    apply_cut();
    choose_format();
    if (f_.layout == Layout::kPanels) {
      choose_packing();
    } else {
      choose_rows();
    }
    // Of a transposed slice the file's rows are the wanted columns.
    if (f_.transposed) {
      f_.column_begin += f_.slice_row;
      f_.all_begin = std::exchange(f_.slice_row, 0);
    }
    return f_;
  }

 private:
  std::string prefix() const { return text("[", r_.path, "] ", r_.name.name, " "); }

  [[noreturn]] void refuse(ErrorKind kind, std::string problem) const {
    fail(kind, {.block = r_.path, .field = r_.name.name, .problem = std::move(problem)});
  }
  [[noreturn]] void unsupported(std::string why) const { refuse(ErrorKind::kUnsupported, std::move(why)); }

  void wrong_shape(const Shape& got) const {
    fail(ErrorKind::kBadData,
         {.block = r_.path, .field = r_.name.name, .wanted = r_.shape.to_string(), .got = got.to_string()});
  }

  // Of a tensor that holds several weights the whole is named, as the file's author knows it.
  [[noreturn]] void wrong_fused(const TensorName& n, const Shape& got, std::int64_t rows) const {
    const std::int64_t end = n.begin + (n.count - 1) * n.stride + n.run;
    const Shape whole = r_.shape.rank() == 1 ? Shape{rows} : Shape{rows, by_last(r_.shape).columns};
    const std::string which = n.count == 1 ? text("rows ", n.begin, " to ", end - 1)
                                           : text(n.run, " rows every ", n.stride, " from ", n.begin, " to ", end - 1);
    fail(ErrorKind::kBadData, {.block = r_.path,
                               .field = r_.name.name,
                               .wanted = text(whole.to_string(), ", of which this weight is ", which),
                               .got = got.to_string()});
  }

  // From here on the stored tensor is the slice; only f_.rows still counts the whole file's.
  void take_slice() {
    stored_ = t_.shape;
    const std::int64_t outer = r_.name.outer;
    if (outer < 0) return;
    if (t_.shape.rank() < 2 || outer >= t_.shape[0]) {
      refuse(ErrorKind::kBadData, text("wanted number ", outer, " of the first extent, got ", t_.shape.to_string()));
    }
    const bool turned = t_.transposed && t_.shape.rank() == 3 && t_.transposed_parts == 0;
    if (t_.rotary_heads > 0 || (t_.transposed && !turned)) {
      unsupported("is stored in another order of rows and cannot be sliced");
    }
    stored_ = {};
    for (int i = 1; i < t_.shape.rank(); ++i) stored_.append(t_.shape[i]);
    f_.slice_row = outer * (turned ? stored_[1] : by_last(stored_).rows);
  }

  // Extents as in the file: stored_row permutes rows, `transposed` says that the file has rows for columns.
  void match_shape() {
    const bool selects = r_.name.run > 0;
    Shape logical = stored_;  // after `transposed` of the name
    if (r_.name.transposed) {
      if (stored_.rank() != 2) unsupported(text("wanted two extents to transpose, got ", stored_.to_string()));
      if (t_.rotary_heads > 0) unsupported("is stored for rotation of pairs and cannot be transposed");
      if (t_.transposed_parts > 0) unsupported("is stored in transposed parts and cannot be transposed");
      logical = {stored_[1], stored_[0]};
    }
    Extents have = by_last(logical);
    const Extents want = by_last(r_.shape);
    if (selects) {
      const TensorName& n = r_.name;
      const bool inside = n.begin >= 0 && n.run <= have.rows && n.count >= 1 && n.begin <= have.rows - n.run &&
                          (n.count == 1 || n.stride <= (have.rows - n.run - n.begin) / (n.count - 1));
      if (!inside) wrong_fused(n, logical, n.begin + (n.count - 1) * n.stride + n.run);
      if (want.rows != n.run * n.count) wrong_shape(Shape{n.run * n.count, have.columns});
      if (want.columns != have.columns) wrong_fused(n, logical, have.rows);
    } else if (logical != r_.shape) {
      // A convolution as a matrix, or a vector with extents of one around it.
      const bool folds = r_.shape.rank() == 2 && logical.rank() > 2 && logical[0] == r_.shape[0];
      const bool vector = r_.use == WeightUse::kVector && (want.columns == 1 || have.columns == 1);
      if ((!folds && !vector) || logical.elements() != r_.shape.elements()) wrong_shape(logical);
      have = want;
    }
    f_.rows = f_.transposed ? have.columns : have.rows;
    if (r_.name.outer >= 0) f_.rows *= t_.shape[0];
    f_.columns = f_.transposed ? have.rows : have.columns;
    if (t_.transposed_parts > 0) {
      f_.rows = t_.transposed_parts * have.columns;
      f_.columns = have.rows / t_.transposed_parts;
    }
    f_.row_count = want.rows;
    f_.column_count = f_.all_count = want.columns;
  }

  void apply_cut() {
    const Cut& c = r_.cut;
    if (c.axis < 0) return;
    const int rank = r_.shape.rank();
    require(c.axis < rank && c.begin >= 0 && c.count >= 0 && c.begin <= r_.shape[c.axis] &&
                c.count <= r_.shape[c.axis] - c.begin,
            ErrorKind::kInternal, prefix(), "wanted a cut inside ", r_.shape.to_string(), ", got axis ", c.axis, " [",
            c.begin, ", ", c.begin, " + ", c.count, ")");
    if (rank > 1 && c.axis == rank - 1) {
      f_.column_begin = c.begin;
      f_.column_count = c.count;
    } else {
      require(c.axis == 0, ErrorKind::kInternal, prefix(), "wanted a cut along the first or last of ",
              r_.shape.to_string(), ", got axis ", c.axis);
      const std::int64_t inner = r_.shape[0] == 0 ? 0 : f_.row_count / r_.shape[0];
      f_.row_begin = c.begin * inner;
      f_.row_count = c.count * inner;
    }
  }

  // Numbers of experts, of tokens: looked up as they are stored, and no arithmetic is done on them.
  bool is_index() const { return t_.format == Format::kI32 || t_.format == Format::kI64; }

  void choose_index() {
    if (r_.use != WeightUse::kTable || r_.format.value_or(t_.format) != t_.format || f_.transposed || t_.subtract_one) {
      unsupported(text("is stored as ", t_.format_name, ", which is read for tables only, as it is stored"));
    }
    f_.format = t_.format;
  }

  void choose_format() {
    if (is_index()) return choose_index();
    const bool readable = is_dense(t_.format) || t_.format == Format::kF64 || is_grouped(t_.format) ||
                          (t_.format == Format::kF8E4M3 && t_.assembled != nullptr);
    if (!readable) unsupported(text("is stored as ", t_.format_name, ", which is no supported weight format"));
    if (f_.columns % traits_of(t_.format).block_elements != 0) {
      unsupported(text("is a vector stored as ", t_.format_name, ", which is read for matrices only"));
    }
    const Format stored = t_.format == Format::kF64      ? Format::kF32
                          : t_.format == Format::kF8E4M3 ? Format::kBF16
                                                         : t_.format;
    const bool vector = r_.use == WeightUse::kVector;
    f_.format = r_.format.value_or(vector ? Format::kF32 : stored);
    const bool narrower = is_grouped(stored) && traits_of(stored).nominal_bits <= traits_of(f_.format).nominal_bits;
    if (r_.keep_narrower && narrower) f_.format = stored;
    // Blocks of a turned part run along the wrong extent: they are decoded.
    if (t_.transposed_parts > 0 && is_grouped(stored) && !r_.format) f_.format = Format::kF32;
    const bool convertible = is_dense(f_.format);
    if (vector && !convertible) unsupported(text("is a vector and cannot be ", name_of(f_.format)));
    const bool quantises = can_quantise_to(f_.format) && f_.columns % traits_of(f_.format).block_elements == 0;
    if (r_.use == WeightUse::kTable && !convertible && f_.format != stored && !quantises) {
      unsupported(text("is a table in ", t_.format_name, " and cannot become ", name_of(f_.format)));
    }
    if (r_.use == WeightUse::kMatrix && is_grouped(f_.format)) f_.layout = Layout::kPanels;
    if (!convertible && !is_grouped(f_.format)) unsupported(text("cannot be ", name_of(f_.format)));
  }

  bool aligned() const {
    if (t_.format == Format::kMXFP4) return true;  // bytes
    const std::int64_t unit = is_grouped(t_.format) ? 2 : traits_of(t_.format).block_bytes;
    return reinterpret_cast<std::uintptr_t>(t_.data) % static_cast<std::uintptr_t>(unit) == 0;
  }

  void choose_rows() {
    const bool same = f_.format == t_.format && !f_.transposed && !t_.subtract_one;
    const std::int64_t block = traits_of(t_.format).block_elements;
    if (same && t_.assembled != nullptr) unsupported("is held in parts, which are read for matrices of products only");
    const std::int64_t wanted_block = traits_of(f_.format).block_elements;
    if ((same && (f_.column_begin % block != 0 || f_.column_count % block != 0)) ||
        f_.column_begin % wanted_block != 0 || f_.column_count % wanted_block != 0) {
      unsupported(text("cannot be cut at columns ", f_.column_begin, " + ", f_.column_count, ": ",
                       same ? t_.format_name : std::string(name_of(f_.format)), " holds blocks of ",
                       same ? block : wanted_block));
    }
    // A row's scale comes before all its values.
    if (traits_of(f_.format).row_bytes > 0 && f_.column_count != f_.columns) {
      unsupported(text("cannot be cut at columns ", f_.column_begin, " + ", f_.column_count, ": ", name_of(f_.format),
                       " has one scale for a row"));
    }
    if (is_grouped(f_.format) && !same && f_.format == t_.format) {
      unsupported(text("is stored transposed or shifted in ", t_.format_name, "; ask for a dense format"));
    }
    const std::int64_t width = stored_bytes(f_.format, f_.shape.rank() <= 1 ? f_.row_count : f_.column_count, prefix());
    f_.row_bytes = width;
    f_.bytes = f_.shape.rank() <= 1 ? width : checked_mul(width, f_.row_count, prefix());
    if (!same) {
      f_.steps = WeightSteps::kConvert;
    } else if (f_.rows_are_contiguous() && aligned()) {
      f_.steps = WeightSteps::kView;
      if (f_.shape.rank() > 1) f_.row_bytes = stored_bytes(t_.format, f_.columns, prefix());
    } else {
      f_.steps = WeightSteps::kCopy;
    }
    if (same && f_.shape.rank() > 2 && f_.column_count != f_.columns)
      f_.steps = WeightSteps::kCopy, f_.row_bytes = width;
  }

  void choose_packing() {
    f_.bytes = kernels::packed_bytes(f_.format, f_.row_count, f_.column_count);
    f_.row_bytes = 0;
    const bool quantises = can_quantise_to(f_.format);
    const bool plain = !f_.transposed && !t_.subtract_one;
    if (f_.format != t_.format && !quantises) {
      unsupported(text("is stored as ", t_.format_name, " and cannot become ", name_of(f_.format)));
    }
    if (f_.format == t_.format && !plain && !quantises) {
      unsupported(text("is stored transposed or shifted in ", t_.format_name, "; ask for a dense format"));
    }
    if (f_.column_begin % kPackedGroup != 0 || (f_.column_count % kPackedGroup != 0 && is_grouped(t_.format))) {
      unsupported(text("cannot be cut at inputs ", f_.column_begin, " + ", f_.column_count, ": ", name_of(f_.format),
                       " holds groups of ", kPackedGroup));
    }
    // A packed row of whole super-blocks has one scale for each 256 inputs.
    const bool two_levels = traits_of(f_.format).block_elements == kSuperGroup;
    if (two_levels && f_.column_begin % kSuperGroup != 0 && f_.column_count % kSuperGroup == 0 && f_.column_count > 0) {
      unsupported(text("cannot be cut at inputs ", f_.column_begin, " + ", f_.column_count, ": ", name_of(f_.format),
                       " holds groups of ", kSuperGroup));
    }
    const bool direct =
        plain && aligned() && t_.assembled == nullptr && (f_.format == t_.format || is_dense(t_.format));
    f_.steps = direct ? WeightSteps::kPack : WeightSteps::kRequantise;
  }

  const StoredTensor& t_;
  const WeightRequest& r_;
  Shape stored_ = {};
  WeightForm f_;
};

}  // namespace

bool WeightForm::rows_are_contiguous() const {
  const bool one_run = selection.run == 0 || selection.count == 1 || selection.stride == selection.run;
  return one_run && tensor->rotary_heads == 0;
}

std::int64_t WeightForm::source_row(std::int64_t i) const {
  std::int64_t r = row_begin + i;
  if (selection.run > 0) r = selection.begin + r / selection.run * selection.stride + r % selection.run;
  return slice_row + stored_row(*tensor, r);
}

WeightForm weight_form(const StoredTensor& tensor, const WeightRequest& request) {
  return FormMaker(tensor, request).make();
}

WeightForm weight_form(const Checkpoint& checkpoint, const WeightRequest& request) {
  const StoredTensor* tensor = checkpoint.find(request.full_name());
  if (tensor == nullptr) {
    fail(ErrorKind::kBadData, {.block = request.path,
                               .field = request.name.name,
                               .wanted = request.shape.to_string(),
                               .got = "nothing: the checkpoint has no such tensor"});
  }
  if (tensor->unlisted) {
    fail(ErrorKind::kBadData,
         {.block = request.path,
          .field = request.name.name,
          .problem = text("is not listed by ", checkpoint.index_where(), ", though ", tensor->file, " holds it")});
  }
  return weight_form(*tensor, request);
}

}  // namespace ttt
