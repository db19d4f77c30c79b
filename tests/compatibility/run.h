#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compatibility/option.h"
#include "compatibility/weights.h"

// Builds and runs one option of a block in every combination.
namespace ttt::compatibility {

inline constexpr std::array kStrategies{Strategy::kDefault, Strategy::kPerformance, Strategy::kAccuracy,
                                        Strategy::kMemory,  Strategy::kReference,   Strategy::kInvariant};
inline constexpr std::int64_t kMaxRanks = 4;

enum class Ending : std::uint8_t { kWorks, kRefused, kFailed };

struct Combination {
  std::string format = {};
  Strategy strategy = Strategy::kDefault;
  std::int64_t ranks = 1;
  bool operator<(const Combination& o) const;
};

struct Outcome {
  Ending ending = Ending::kWorks;
  std::string message = {};  // why it was refused, or how it failed
  double error = 0, tolerance = 0;
};

// What one option did, by combination.
struct OptionReport {
  std::string block = {}, name = {};
  std::map<Combination, Outcome> outcomes = {};
};

class Machine;  // threads and scratch of every rank

class Laboratory {
 public:
  explicit Laboratory(std::filesystem::path folder);
  ~Laboratory();

  // `plain`: the first option of the same block. Every combination of the six strategies, 1 to 4 ranks and the formats.
  OptionReport run(const Option& option, const Option& plain, std::span<const WeightFormat> formats);

 private:
  std::unique_ptr<const Checkpoint> checkpoint_of(const Option& option, const Option& plain,
                                                  const WeightFormat& format);
  // What the plain option gives on one rank in double precision.
  const std::vector<float>& reference_of(const Option& plain, const WeightFormat& format);

  std::filesystem::path folder_;
  std::map<std::pair<std::string, std::string>, std::vector<float>> references_;  // by block and format
  std::unique_ptr<Machine> machine_;
};

}  // namespace ttt::compatibility
