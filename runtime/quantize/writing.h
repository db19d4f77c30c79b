#pragma once

#include <cstdint>
#include <vector>

#include "base/parallel_for.h"
#include "checkpoint/output_file.h"
#include "runtime/quantize/quantize.h"
#include "runtime/quantize/tensor_rows.h"

namespace ttt {

// Writes tensors one after the other and tells how far it is.
class Writing {
 public:
  Writing(const Checkpoint& source, const QuantizeOptions& options, std::int64_t total)
      : source_(source), options_(options), total_(total) {}

  // All rows to `file`, a chunk at a time. False: the user wants to stop.
  template <class File>
  bool write(const PlannedTensor& tensor, File& file) {
    TensorRows rows(tensor);
    const std::int64_t width = std::max<std::int64_t>(rows.row_bytes(), 1);
    const std::int64_t at_once = std::max<std::int64_t>(1, kChunk / width);
    for (std::int64_t r = 0; r < rows.rows(); r += at_once) {
      if (options_.stop && options_.stop()) return false;
      const std::int64_t count = std::min(at_once, rows.rows() - r);
      chunk_.resize(static_cast<std::size_t>(count * rows.row_bytes()));
      rows.write(r, count, chunk_.data(), options_.load.parallel_for);
      file.write(chunk_.data(), std::ssize(chunk_));
      done_ += std::ssize(chunk_);
      if (options_.progress) options_.progress(done_, total_);
    }
    rows.require_none_beyond();
    source_.release(*tensor.source);
    return true;
  }

 private:
  static constexpr std::int64_t kChunk = std::int64_t{8} << 20;
  const Checkpoint& source_;
  const QuantizeOptions& options_;
  std::int64_t total_, done_ = 0;
  std::vector<std::byte> chunk_;
};

// Each writes everything to `to`, which does not exist yet, and adds to the result. False: stopped.
bool write_directory(const Checkpoint& source, const QuantizePlan& plan, const QuantizeOptions& options,
                     const std::filesystem::path& to, QuantizeResult& result);
bool write_gguf(const Checkpoint& source, const QuantizePlan& plan, std::span<const Family> families,
                const QuantizeOptions& options, const std::filesystem::path& to, QuantizeResult& result);

}  // namespace ttt
