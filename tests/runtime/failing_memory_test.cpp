// Memory that ends at any allocation of a load, also on the pool's threads, is std::bad_alloc for whoever loads, which
// the tool exits 5 for; never the end of the process.

#include "support/failing_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <vector>

#include "base/error.h"
#include "checkpoint/check_weights.h"
#include "checkpoint/checkpoint.h"
#include "runtime/load.h"
#include "runtime/quantize/plan.h"
#include "runtime/quantize/tensor_rows.h"
#include "runtime/random_source.h"
#include "support/model.h"
#include "support/tiny_model.h"

namespace ttt {
namespace {

struct Ways {
  std::int64_t failed = 0, succeeded = 0;
};

// Lets every `stride`-th allocation of `work` fail, from the first to the last. It must end with std::bad_alloc, with
// Error{kResources}, or as if nothing had been.
Ways with_every_shortage(std::int64_t stride, const std::function<void()>& work) {
  Ways ways;
  for (std::int64_t n = 0;; n += stride) {
    const test::FailingMemory shortage(n);
    try {
      work();
      ++ways.succeeded;
    } catch (const std::bad_alloc&) {
      ++ways.failed;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kResources) << e.what();
      ++ways.failed;
    }
    if (!shortage.happened()) return ways;
  }
}

class FailingLoads : public testing::Test {
 protected:
  void SetUp() override {
    Json config = support::golden_config("gqa");
    config.set("num_hidden_layers", 1);
    support::write_random_checkpoint(path(), config);
  }
  std::filesystem::path path() const { return directory_.path() / "model"; }

  support::TemporaryDirectory directory_;
};

// int8: packing; bf16: conversion; as stored and uncut: views. On two ranks columns are cut, so rows are copied.
TEST_F(FailingLoads, OfEveryFormatEndInTheCaller) {
  const DeviceTraits traits = query_device_traits();
  for (const std::optional<Format> format : {std::optional<Format>(), std::optional(Format::kBF16),
                                             std::optional(Format::kInt8), std::optional(Format::kBfp8B)}) {
    for (const std::int64_t ranks : {1, 2}) {
      const Ways ways = with_every_shortage(5, [&] {
        ThreadPool threads(3);
        load_model(open_checkpoint(path(), {}), families(),
                   {.traits = traits, .ranks = ranks, .weight_format = format, .context = 16, .parallel_for = threads});
      });
      EXPECT_GT(ways.failed, 100) << ranks;
      EXPECT_GE(ways.succeeded, 1) << ranks;
    }
  }
}

TEST_F(FailingLoads, ChecksOfWeightsEndInTheCaller) {
  ThreadPool threads(3);
  const auto checkpoint = open_checkpoint(path(), {});
  const Ways ways = with_every_shortage(1, [&] { check_weights(*checkpoint, threads); });
  EXPECT_GE(ways.failed, 4);
}

TEST_F(FailingLoads, RowsOfANewCheckpointEndInTheCaller) {
  ThreadPool threads(3);
  const auto checkpoint = open_checkpoint(path(), {});
  const QuantizePlan plan = plan_quantize(
      *checkpoint, families(), {.traits = query_device_traits(), .weight_format = Format::kQ8_0, .context = 16});
  const auto converted =
      std::ranges::find_if(plan.tensors, [](const PlannedTensor& t) { return t.shape.rank() == 2 && !t.kept(); });
  ASSERT_NE(converted, plan.tensors.end());
  const Ways ways = with_every_shortage(1, [&] {
    TensorRows rows(*converted);
    std::vector<std::byte> bytes(static_cast<std::size_t>(rows.rows() * rows.row_bytes()));
    rows.write(0, rows.rows(), bytes.data(), threads);
  });
  EXPECT_GE(ways.failed, converted->shape[0]);  // every row is converted in memory of its own
}

TEST_F(FailingLoads, MadeUpWeightsEndInTheCaller) {
  const TensorName name = "weight";
  for (const Format format : {Format::kF32, Format::kInt8}) {
    const Ways ways = with_every_shortage(1, [&] {
      ThreadPool threads(3);
      RandomSource source(Format::kF32, threads);
      source.fetch({.path = "block", .name = name, .shape = {96, 64}, .format = format});
    });
    EXPECT_GE(ways.failed, 4) << name_of(format);
  }
}

}  // namespace
}  // namespace ttt
