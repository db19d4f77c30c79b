#pragma once

#include <cstdint>
#include <memory>
#include <span>

namespace ttt {

// Which tokens may follow what one sequence has generated so far. Used by one thread at a time.
class ConstraintState {
 public:
  virtual ~ConstraintState() = default;

  // Sets bit id % 32 of word id / 32 for every id that may come next and clears all others. mask: [(vocab + 31) / 32].
  // The ids that end a generation are not among them: see can_end.
  virtual void allowed(std::span<std::uint32_t> mask) = 0;
  // Whether the text may end here. Where it may and no token is allowed, it must.
  virtual bool can_end() const = 0;
  // Adds a token that was allowed. Error{kInternal} for one that was not.
  virtual void accept(std::int32_t id) = 0;
  // A copy that goes on independently.
  virtual std::unique_ptr<ConstraintState> fork() const = 0;
};

// A language that a generation must keep to, compiled for one vocabulary: a grammar, a JSON schema, a regular
// expression. Constant after construction, except for caches that are safe to share between threads.
class TokenConstraint {
 public:
  virtual ~TokenConstraint() = default;
  virtual std::unique_ptr<ConstraintState> begin() const = 0;
};

}  // namespace ttt
