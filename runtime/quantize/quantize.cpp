#include "runtime/quantize/quantize.h"

#include <system_error>

#include "base/error.h"
#include "checkpoint/output_file.h"
#include "runtime/quantize/plan.h"
#include "runtime/quantize/writing.h"

namespace ttt {
namespace {

namespace fs = std::filesystem;

// Removed, with all that is in it, unless it was renamed.
class Unfinished {
 public:
  explicit Unfinished(const fs::path& target) : path_(unfinished_name(target)) {}
  ~Unfinished() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void check_output(const Checkpoint& source, const fs::path& output, bool gguf) {
  std::error_code none;
  require(!output.empty(), ErrorKind::kUsage, "--output wanted the name of a directory or .gguf file, got \"\"");
  const fs::file_status status = fs::status(output, none);
  bool same = fs::equivalent(source.path(), output, none);
  if (gguf && source.gguf() != nullptr) {
    for (const auto& file : source.gguf()->files()) same = same || fs::equivalent(file->path(), output, none);
  }
  require(!same, ErrorKind::kUsage, output.string(), ": is the model that is read; name another output");
  if (!fs::exists(status)) return;
  if (gguf) {
    require(fs::is_regular_file(status), ErrorKind::kUsage, output.string(), ": exists and is no file");
    return;
  }
  require(fs::is_directory(status) && fs::is_empty(output, none), ErrorKind::kUsage, output.string(),
          ": exists; a directory is written only where there is none, or an empty one");
}

PlannedModel plan_written(const fs::path& path, std::span<const Family> families, const LoadOptions& options) {
  const std::vector<GgufSpelling> spellings = gguf_spellings(families);
  const auto checkpoint =
      open_checkpoint(path, spellings, {.headers_only = true, .allow_unknown_keys = options.allow_unknown_keys});
  LoadOptions as_stored = options;
  as_stored.weight_format.reset();
  as_stored.impl = {};
  as_stored.strict = false;
  PlannedModel plan = plan_model(*checkpoint, families, as_stored);
  plan.source->require_complete();
  return plan;
}

}  // namespace

QuantizeResult quantize(const Checkpoint& source, std::span<const Family> families, const QuantizeOptions& options) {
  const bool gguf = options.output.extension() == ".gguf";
  check_output(source, options.output, gguf);
  const QuantizePlan plan = plan_quantize(source, families, options.load);
  QuantizeResult result;
  const Unfinished unfinished(options.output);
  result.finished = gguf ? write_gguf(source, plan, families, options, unfinished.path(), result)
                         : write_directory(source, plan, options, unfinished.path(), result);
  if (!result.finished) return result;
  require_same_model(plan, plan_written(unfinished.path(), families, options.load));
  rename_finished(unfinished.path(), options.output);
  return result;
}

}  // namespace ttt
