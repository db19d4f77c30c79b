#include "base/weights.h"

#include "base/error.h"

namespace ttt {

TensorName rows(TensorName name, std::int64_t begin, std::int64_t count) {
  return every(std::move(name), begin, count, 0, 1);
}

TensorName every(TensorName name, std::int64_t begin, std::int64_t run, std::int64_t stride, std::int64_t count) {
  require(begin >= 0 && run > 0 && stride >= 0 && count > 0, ErrorKind::kInternal, name.name,
          ": rows wanted a begin of at least 0 and positive counts, got begin ", begin, ", run ", run, ", count ",
          count);
  name.begin = begin;
  name.run = run;
  name.stride = stride;
  name.count = count;
  return name;
}

TensorName transposed(TensorName name) {
  name.transposed = true;
  return name;
}

TensorName slice(TensorName name, std::int64_t index) {
  require(index >= 0, ErrorKind::kInternal, name.name, ": slice wanted an index of at least 0, got ", index);
  name.outer = index;
  return name;
}

std::string WeightRequest::full_name() const {
  if (!name.name.empty() && name.name.front() == '/') return name.name.substr(1);
  return path.empty() ? name.name : text(path, ".", name.name);
}

Shape WeightRequest::cut_shape() const {
  Shape s;
  for (int i = 0; i < shape.rank(); ++i) s.append(i == cut.axis ? cut.count : shape[i]);
  return s;
}

void WeightChecker::bind(ConstTensorView& field, const WeightRequest& request) {
  const auto refuse = [&](std::string wanted, std::string got) {
    fail(ErrorKind::kBadData,
         {.block = request.path, .field = request.name.name, .wanted = std::move(wanted), .got = std::move(got)});
  };
  if (field.shape != request.cut_shape()) {
    refuse(request.cut_shape().to_string(), field ? field.shape.to_string() : "nothing");
  }
  // Kernels read vectors as f32 without asking. A field without data is a plan's.
  if (request.use == WeightUse::kVector && field.data != nullptr && field.format != Format::kF32) {
    refuse("f32", std::string(name_of(field.format)));
  }
}

}  // namespace ttt
