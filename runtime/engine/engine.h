#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/engine/request.h"
#include "runtime/session.h"

namespace ttt {

struct EngineOptions {
  std::int64_t sequences = 16;   // that run at the same time
  std::int64_t context = 0;      // rows of one sequence, at most; 0: the model's, or Session::kDefaultContext
  std::int64_t step_rows = 512;  // tokens of one step, prompts and continuations together
  // Of these, tokens of prompts while others are continued, so that a long prompt delays no one's next token by more;
  // 0: a quarter of step_rows.
  std::int64_t prompt_rows = 0;
  std::int64_t page_rows = 32;       // rows of one page of the state, 1 to 64
  std::int64_t state_bytes = 0;      // for the state; 0: enough for `sequences` whole contexts, as memory allows
  std::int64_t waiting = 1024;       // requests in the queue, at most
  std::int64_t continuations = 128;  // of one request, at most
  bool prefix_cache = true;
  std::int64_t speculate = 0;  // tokens guessed from the context in one step (prompt look-up); 0: none
};

class EngineMailbox;

// A request that was submitted. Dropping it cancels the request. Its functions may be called by one thread at a time.
class EngineStream {
 public:
  EngineStream() = default;
  EngineStream(EngineStream&&) noexcept;
  EngineStream& operator=(EngineStream&&) noexcept;
  ~EngineStream();

  // Waits for the next event. Nothing after the last one.
  std::optional<EngineEvent> next();
  // The next event if there is one now.
  std::optional<EngineEvent> poll();
  bool done() const;  // all events were taken
  // Frees its sequences within one step; the continuations that run end with kCancelled.
  void cancel();
  EngineUsage usage() const;

 private:
  friend class Engine;
  explicit EngineStream(std::shared_ptr<EngineMailbox> mailbox);
  void drop();
  std::shared_ptr<EngineMailbox> mailbox_;
};

// How long the steps of an engine took.
struct StepTimes {
  // Upper bounds of the intervals in seconds; one more interval is above them.
  static constexpr std::array<double, 16> kBounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                  0.25,   0.5,   1,      2.5,   5,    10,    30,   60};
  std::array<std::int64_t, kBounds.size() + 1> counts = {};
  double seconds = 0;  // of all steps together

  void add(double step_seconds);
};

struct EngineStats {
  std::int64_t running = 0, waiting = 0;
  std::int64_t pages = 0, used_pages = 0, cached_pages = 0;  // of these only cached: they are given to who needs them
  std::int64_t prompt_tokens = 0, generated_tokens = 0;      // since the start
  std::int64_t prefix_queries = 0, prefix_hits = 0;          // tokens asked for and found
  std::int64_t preemptions = 0, steps = 0;
  std::int64_t guessed = 0, guessed_right = 0;  // tokens of speculation
  StepTimes step_times = {};
  // By rank: seconds in collectives of the model, mostly the wait for the slowest rank; 0 for one rank. Brought up to
  // date every few steps.
  std::vector<double> exchange_seconds = {};
};

// Runs any number of requests on one model: every step takes a mix of prompt chunks and single tokens. One thread of
// its own runs the model; all functions may be called by any thread.
//
// On several ranks each makes an engine with its part of the model, and rank 0's takes the requests; the others do what
// it does and then end: there drain() waits for that. The engine's thread uses the communicator from then on.
class Engine {
 public:
  // The model and what it needs must outlive the engine, which has the threads and the communicator to itself.
  Engine(const LoadedModel& model, const Tokenizer& tokenizer, ThreadPool& threads, Communicator& communicator,
         const EngineOptions& options);
  ~Engine();  // cancels what runs
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Checks the request and puts it into the queue. `wake` is called by the engine's thread, after an event was added
  // where there was none; it must not block, throw or drop the stream. Error{kUsage} for an invalid request, also one
  // whose prompt is longer than context(); Error{kResources} when the queue is full.
  EngineStream submit(EngineRequest request, std::function<void()> wake = {});

  // Takes no further requests and waits until all others are done. Throws the error that has ended the engine, if one
  // has.
  void drain();
  EngineStats stats() const;
  // Rows of one sequence, at most: those of the options, or fewer where the state has no memory for them. A prompt that
  // is longer is refused, and a continuation that gets longer ends with kContext.
  std::int64_t context() const;
  const LoadedModel& model() const;
  const Tokenizer& tokenizer() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ttt
