#pragma once

#include <cstdint>

namespace ttt {

// What the compilation of one grammar may take. What exceeds a limit is refused with Error{kBadData} that names it, so
// that nobody's grammar stalls or fills the process that compiles it.
struct GrammarLimits {
  std::int64_t source_bytes = std::int64_t{1} << 20;  // of the grammar, expression or schema as text
  std::int64_t depth = 128;                           // of nested groups, or of nested schemas
  std::int64_t rules = 16384;
  std::int64_t graph_states = std::int64_t{1} << 19;  // before determinisation, all repetitions written out
  std::int64_t states = std::int64_t{1} << 17;        // of the automaton
  std::int64_t steps = std::int64_t{1} << 24;         // of compilation: a second or two
};

}  // namespace ttt
