#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/verify/trace_observer.h"
#include "runtime/verify/verify.h"

// The parts of verify().
namespace ttt {

// Forwards requests and records them.
class RequestLog final : public WeightSource {
 public:
  explicit RequestLog(WeightSource& source) : source_(source) {}
  ConstTensorView fetch(const WeightRequest& request) override;
  bool has(const std::string& full_name) const override { return source_.has(full_name); }
  // Requests of the blocks in the order they were built.
  std::vector<BuiltBlock> blocks(const ModelTree& tree) const;

 private:
  WeightSource& source_;
  std::vector<WeightRequest> requests_;
};

// One step of the whole model over `ids`; logits of every row are wanted.
std::vector<Written> run_observed(const BuiltModel& built, std::span<const std::int32_t> ids, ThreadPool& threads);

// Error{kBadData} naming the place when the sizes differ.
PlaceComparison compare_place(const std::string& path, const std::vector<float>& wanted, const std::vector<float>& got,
                              std::int64_t width, double tolerance);

// The recorded output of a place that wrote `w`, against the corresponding part of w: the added product, y, or
// the increase of y. `name`: the place's in the recording. Nothing when it was not recorded.
std::optional<PlaceComparison> compare_written(const Trace& trace, const std::string& name, const Written& w,
                                               double tolerance);

// Runs blocks of a model again, alone, on recorded inputs.
class Bystander {
 public:
  Bystander(const Trace& trace, WeightSource& source, const DeviceTraits& traits, const VerifyOptions& options,
            double tolerance, std::int64_t threads)
      : trace_(trace), source_(source), traits_(traits), options_(options), tolerance_(tolerance), threads_(threads) {}

  // Nothing without a recorded input and output, or for a type of block that is not known.
  std::optional<PlaceComparison> run(const BuiltBlock& block, const Json& spec) const;
  std::vector<float> output(const BuiltBlock& block) const;  // empty: as above
  // Tries other Specs and writes into the report which of them agree, or else reduce the error.
  void find_causes(const BuiltBlock& block, VerifyReport& report) const;

 private:
  // Runs the block with every change; changes for which no block can be built are skipped.
  struct Tried {
    const SpecChange* change;
    PlaceComparison result;
  };
  std::vector<Tried> try_all(const BuiltBlock& block, const std::vector<SpecChange>& changes) const;
  std::optional<testing::Subject> subject(const BuiltBlock& block, const Json& spec) const;
  testing::Values input(const BuiltBlock& block) const;
  testing::Values source(const BuiltBlock& block, const testing::Subject& subject) const;
  const BlockKind* kind(const BuiltBlock& block) const;

  const Trace& trace_;
  WeightSource& source_;
  const DeviceTraits& traits_;
  const VerifyOptions& options_;
  double tolerance_;
  std::int64_t threads_;
};

// The factor of `got` that fits `wanted` best, if they then agree.
std::optional<double> agreeing_factor(const std::vector<float>& wanted, const std::vector<float>& got,
                                      double tolerance);

}  // namespace ttt
