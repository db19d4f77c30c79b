#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/engine/continuation.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/engine_state.h"
#include "runtime/engine/prompt_lookup.h"

namespace ttt {

// What an engine does, step by step: which sequences run, which rows each step computes, and what their outputs become.
// One thread uses it.
//
// Runs are ordered by priority, then by arrival. In every step each sequence that is being continued gets its next row,
// and prompts share what is left (engine_plan.cpp). Admission counts pages; where continuing needs more than there are,
// the last run in the order loses its rows and waits until it can compute them again.
class EngineCore {
 public:
  EngineCore(const BuiltModel& model, ThreadPool& threads, Communicator& communicator, const RunnerConfig& config,
             const EngineOptions& options);

  // Rows of one sequence that the state has memory for. These two may be called by any thread.
  bool fits(std::int64_t rows) const { return rows <= most_rows_; }
  std::int64_t most_rows() const { return most_rows_; }
  // The continuations of one request, number 0 first.
  void add(std::vector<std::unique_ptr<Continuation>> request);
  bool idle() const { return running_.empty() && waiting_.empty(); }
  // Ends what was cancelled, admits what fits, and decides what the next step computes. False: there is nothing to do.
  bool plan_step();
  void run_step();
  void cancel_all();
  void keep_alive() { state_.keep_alive(); }
  void finish() { state_.finish(); }
  void follow() { state_.follow(); }
  void fail_all(const Error& error);
  EngineStats stats() const;

 private:
  using Clock = EngineJob::Clock;

  struct Run {
    std::unique_ptr<Continuation> text;
    std::vector<std::unique_ptr<Continuation>> siblings = {};  // that take over the rows of its prompt
    std::int64_t slot = -1;                                    // -1: it waits
    std::int64_t passed = 0;                                   // later requests that were admitted while it waited
    PromptLookup lookup = {};
    GuessLength guess_length = {};
  };
  using Runs = std::vector<std::unique_ptr<Run>>;

  // Rows of one run in a step.
  struct Entry {
    Run* run = nullptr;
    std::int64_t rows = 0, wanted = 0;
    EngineState::Pages pages = {};
    std::vector<std::int32_t> guesses = {};  // the last rows
  };
  // One continuation that gets tokens in a step, and from which outputs.
  struct Choice {
    std::size_t entry = 0;
    Continuation* text = nullptr;
    std::span<const float> logits = {};
    std::span<const std::int32_t> guesses = {};
    EngineEvent event = {};
    std::optional<Error> error = {};  // of the event
  };

  // engine_plan.cpp
  static bool before(const Run& a, const Run& b);
  static void insert(Runs& runs, std::unique_ptr<Run> run);
  std::int64_t pending(const Run& run) const { return run.text->length() - state_.length(run.slot); }
  bool fits(const EngineState::Pages& wanted) const;
  bool make_room(Run& run, std::int64_t rows);
  void preempt(std::size_t running);
  void admit(std::int64_t most);
  bool may_admit(const Run& run) const;
  void plan();
  std::vector<std::pair<Run*, std::int64_t>> share(std::int64_t rows);
  void plan_prompts(std::int64_t rows, std::int64_t& outputs);
  std::int64_t rows_planned() const;
  void add_guesses(std::int64_t rows, std::int64_t outputs);
  void add_entry(Run& run, std::int64_t rows, std::int64_t wanted);

  void end_cancelled();
  void run(std::span<Entry> entries);
  std::span<const float> forward(std::span<const Entry> entries);
  void choose(std::span<const Entry> entries, std::span<const float> logits);
  void add_prompt_rows(const Entry& entry, std::span<const float> logits);
  void commit(std::span<const Entry> entries);
  void begin_siblings(Run& run, const std::optional<Error>& error);
  void deliver(const Continuation& text, EngineEvent event);
  void end(Run& run, FinishReason reason);
  void fail(Run& run, const Error& error);
  void close(Run& run);

  EngineOptions options_;
  ThreadPool& threads_;
  bool alone_;  // one rank
  NoObserver observer_;
  EngineState state_;
  const std::int64_t most_rows_;
  Runs running_, waiting_;  // in order
  std::vector<Entry> plan_;
  std::vector<Choice> choices_;
  std::vector<SamplerWorkspace> workspaces_;
  StepCost cost_;
  EngineStats counted_;
};

}  // namespace ttt
