#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ttt {

// The tokens of one sequence so far, and how often each occurs.
class SequenceHistory {
 public:
  struct Seen {
    std::int32_t id = 0;
    std::int64_t generated = 0;  // times generated; 0: only in the prompt
  };

  // `capacity`: tokens to reserve memory for, so that appending does not allocate. Error{kUsage} on a negative id.
  explicit SequenceHistory(std::span<const std::int32_t> prompt, std::int64_t capacity = 0);

  void append(std::int32_t id);  // a generated token

  std::span<const std::int32_t> ids() const { return ids_; }  // prompt, then generated
  std::span<const Seen> seen() const { return seen_; }        // every distinct id once, ascending
  std::int64_t size() const { return static_cast<std::int64_t>(ids_.size()); }
  std::int64_t generated() const { return size() - prompt_; }

 private:
  std::vector<std::int32_t> ids_;
  std::vector<Seen> seen_;
  std::int64_t prompt_;
};

}  // namespace ttt
