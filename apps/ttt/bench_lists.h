#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ttt::app {

// What `ttt bench` measures: every format with every prompt, batch and context.
struct BenchLists {
  std::vector<std::string> formats;
  std::vector<std::int64_t> prompts, batches;
  std::vector<std::int64_t> contexts;  // rows that decode begins at; empty: those of the prompts

  // One of each, so that there is a single combination.
  bool single() const;
  std::vector<std::int64_t> decode_contexts() const { return contexts.empty() ? prompts : contexts; }
};

// "1,4,16" as numbers of at least `least`, none of them twice. Error{kUsage} naming `flag`.
std::vector<std::int64_t> parse_counts(const std::string& flag, const std::string& list, std::int64_t least);
// "bf16,int8" as names, none of them empty or twice. Error{kUsage} naming `flag`.
std::vector<std::string> parse_names(const std::string& flag, const std::string& list);

}  // namespace ttt::app
