#include "runtime/engine/engine_core.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/error.h"
#include "runtime/engine/as_error.h"

namespace ttt {

EngineCore::EngineCore(const BuiltModel& model, ThreadPool& threads, Communicator& communicator,
                       const RunnerConfig& config, const EngineOptions& options)
    : options_(options),
      threads_(threads),
      alone_(communicator.ranks() == 1),
      state_(model, threads, communicator, observer_, config, options.prefix_cache),
      context_(state_.most_rows()) {}

EngineStats EngineCore::stats() const {
  EngineStats stats = counted_;
  stats.running = static_cast<std::int64_t>(running_.size());
  stats.waiting = static_cast<std::int64_t>(waiting_.size());
  stats.pages = state_.pages();
  stats.used_pages = state_.used_pages();
  stats.cached_pages = state_.cached_pages();
  stats.exchange_seconds.assign(state_.exchange_seconds().begin(), state_.exchange_seconds().end());
  return stats;
}

void EngineCore::add(std::vector<std::unique_ptr<Continuation>> request) {
  const EngineRequest& r = request.front()->job()->request;
  if (r.max_new_tokens == 0 && !r.prompt_log_probs) {
    for (const auto& text : request) deliver(*text, text->end(FinishReason::kLength));
    return;
  }
  auto run = std::make_unique<Run>();
  run->text = std::move(request.front());
  run->siblings.assign(std::make_move_iterator(request.begin() + 1), std::make_move_iterator(request.end()));
  insert(waiting_, std::move(run));
}

void EngineCore::deliver(const Continuation& text, EngineEvent event) {
  EngineJob& job = *text.job();
  const auto seconds = [](Clock::time_point from, Clock::time_point to) {
    return from == Clock::time_point{} ? 0.0 : std::chrono::duration<double>(to - from).count();
  };
  const Clock::time_point now = Clock::now();
  EngineJob::Times& times = job.times;
  if (!event.ids.empty() && times.first_token == Clock::time_point{}) times.first_token = now;
  const auto or_now = [&](Clock::time_point t) { return t == Clock::time_point{} ? now : t; };
  job.usage.generated += static_cast<std::int64_t>(event.ids.size());
  job.usage.queue_seconds = seconds(times.submitted, or_now(times.admitted));
  job.usage.prefill_seconds = seconds(times.admitted, or_now(times.first_token));
  job.usage.decode_seconds = seconds(times.first_token, now);
  counted_.generated_tokens += static_cast<std::int64_t>(event.ids.size());
  job.mailbox->set_usage(job.usage);
  const bool tells = !event.ids.empty() || !event.text.empty() || !event.prompt_tokens.empty() || event.finish;
  if (tells) job.mailbox->put(std::move(event));
}

void EngineCore::close(Run& run) {
  if (run.slot >= 0) state_.close(run.slot);
  run.slot = -1;
}

void EngineCore::end(Run& run, FinishReason reason) {
  deliver(*run.text, run.text->end(reason));
  for (const auto& s : run.siblings) deliver(*s, s->end(reason));
  close(run);
}

void EngineCore::fail(Run& run, const Error& error) {
  deliver(*run.text, run.text->fail(error));
  for (const auto& s : run.siblings) deliver(*s, s->fail(error));
  close(run);
}

void EngineCore::end_cancelled() {
  for (Runs* runs : {&running_, &waiting_}) {
    std::erase_if(*runs, [&](const auto& run) {
      if (!run->text->job()->mailbox->cancelled()) return false;
      end(*run, FinishReason::kCancelled);
      return true;
    });
  }
}

void EngineCore::cancel_all() {
  for (Runs* runs : {&running_, &waiting_}) {
    for (const auto& run : *runs) end(*run, FinishReason::kCancelled);
    runs->clear();
  }
}

void EngineCore::fail_all(const Error& error) {
  for (Runs* runs : {&running_, &waiting_}) {
    for (const auto& run : *runs) fail(*run, error);
    runs->clear();
  }
}

bool EngineCore::plan_step() {
  end_cancelled();
  if (idle()) return false;
  plan();
  require(!plan_.empty(), ErrorKind::kInternal, "an engine wanted rows to compute for ", running_.size(),
          " sequences and ", waiting_.size(), " that wait, got none");
  return true;
}

void EngineCore::run_step() {
  const Clock::time_point begin = Clock::now();
  const std::int64_t rows = rows_planned();
  run(plan_);
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  cost_.add(rows, seconds);
  counted_.step_times.add(seconds);
  ++counted_.steps;
  std::erase_if(running_, [&](const auto& r) { return r->slot < 0; });
}

std::span<const float> EngineCore::forward(std::span<const Entry> entries) {
  std::vector<std::vector<std::int32_t>> with_guesses(entries.size());
  std::vector<SlotRows> rows;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Entry& e = entries[i];
    const auto guesses = static_cast<std::int64_t>(e.guesses.size());
    std::span<const std::int32_t> ids = e.run->text->ids().subspan(static_cast<std::size_t>(state_.length(e.run->slot)),
                                                                   static_cast<std::size_t>(e.rows - guesses));
    if (guesses > 0) {
      with_guesses[i].assign(ids.begin(), ids.end());
      with_guesses[i].insert(with_guesses[i].end(), e.guesses.begin(), e.guesses.end());
      ids = with_guesses[i];
    }
    rows.push_back({.slot = e.run->slot, .ids = ids, .wanted = e.wanted});
  }
  return state_.forward(rows);
}

// Runs a step. One that fails is run again entry by entry, so that the guilty one is found and ends alone; on several
// ranks the others cannot know, and it ends the engine.
void EngineCore::run(std::span<Entry> entries) {
  std::optional<Error> error;
  std::span<const float> logits;
  try {
    logits = forward(entries);
  } catch (const std::exception& e) {
    error = as_error(e);
    if (!alone_ || error->kind() == ErrorKind::kPeerLost) throw;
  }
  if (error && entries.size() == 1) {
    fail(*entries[0].run, *error);
    return;
  }
  if (error) {
    for (Entry& e : entries) run({&e, 1});
    return;
  }
  choose(entries, logits);
  commit(entries);
}

void EngineCore::add_prompt_rows(const Entry& entry, std::span<const float> logits) {
  if (!entry.run->text->wants_prompt_rows()) return;
  if (workspaces_.empty()) workspaces_.emplace_back();
  entry.run->text->add_prompt_rows(state_.length(entry.run->slot), logits, workspaces_[0]);
}

// Chooses tokens wherever all tokens of a run have rows now, for all of these at the same time.
void EngineCore::choose(std::span<const Entry> entries, std::span<const float> logits) {
  choices_.clear();
  const auto vocab = static_cast<std::size_t>(state_.vocab());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Entry& e = entries[i];
    const std::span<const float> own = logits.first(static_cast<std::size_t>(e.wanted) * vocab);
    logits = logits.subspan(own.size());
    try {
      add_prompt_rows(e, own);
    } catch (const Error& error) {
      choices_.push_back({.entry = i, .text = e.run->text.get(), .event = e.run->text->fail(error)});
      continue;
    }
    const auto guesses = static_cast<std::int64_t>(e.guesses.size());
    if (e.rows - guesses < pending(*e.run)) continue;
    const std::span<const float> last = own.last(static_cast<std::size_t>(guesses + 1) * vocab);
    choices_.push_back({.entry = i, .text = e.run->text.get(), .logits = last, .guesses = e.guesses});
    for (const auto& s : e.run->siblings) choices_.push_back({.entry = i, .text = s.get(), .logits = last});
  }
  if (workspaces_.size() < choices_.size()) workspaces_.resize(choices_.size());
  threads_.parallel_for(static_cast<std::int64_t>(choices_.size()), [&](std::int64_t i) {
    Choice& c = choices_[static_cast<std::size_t>(i)];
    if (c.text->finished()) return;
    c.event = c.text->advance(c.logits, c.guesses, workspaces_[static_cast<std::size_t>(i)]);
  });
}

// The siblings of a run whose prompt is computed: each has its first token and goes on with a copy of the rows, or
// waits where there is no slot. Those without a token share the error of the run.
void EngineCore::begin_siblings(Run& run, const std::optional<Error>& error) {
  for (auto& s : run.siblings) {
    if (s->finished()) continue;
    if (error && s->generated() == 0) {
      deliver(*s, s->fail(*error));
      continue;
    }
    auto sibling = std::make_unique<Run>();
    sibling->text = std::move(s);
    if (state_.free_slots() > 0) {
      sibling->slot = state_.fork(run.slot);
      insert(running_, std::move(sibling));
    } else {
      insert(waiting_, std::move(sibling));
    }
  }
  run.siblings.clear();
}

// Keeps the rows of tokens that were chosen, and tells what was.
void EngineCore::commit(std::span<const Entry> entries) {
  std::vector<std::int64_t> kept;
  for (const Entry& e : entries) {
    kept.push_back(e.rows - static_cast<std::int64_t>(e.guesses.size()));
    const std::int64_t of_prompt = e.run->text->length() - e.run->text->generated() - state_.length(e.run->slot);
    counted_.prompt_tokens += std::clamp(of_prompt, std::int64_t{0}, kept.back());
  }
  for (const Choice& c : choices_) {
    if (c.text != entries[c.entry].run->text.get()) continue;
    const Entry& e = entries[c.entry];
    const auto chosen = static_cast<std::int64_t>(c.event.ids.size());
    const auto right = std::ranges::mismatch(c.event.ids, e.guesses).in2 - e.guesses.begin();
    const auto guessed = static_cast<std::int64_t>(e.guesses.size());
    e.run->guess_length.add(guessed, right);
    counted_.guessed += guessed;
    counted_.guessed_right += right;
    // All chosen tokens but the last are guesses, whose rows are there.
    kept[c.entry] = c.event.error ? 0 : kept[c.entry] + std::max<std::int64_t>(chosen - 1, 0);
  }
  state_.commit(kept);
  for (Choice& c : choices_) {
    c.error = c.event.error;
    deliver(*c.text, std::move(c.event));
  }
  for (const Choice& c : choices_) {
    Run& run = *entries[c.entry].run;
    if (c.text == run.text.get() && !run.siblings.empty()) begin_siblings(run, c.error);
  }
  for (const Entry& e : entries) {
    if (e.run->text->finished()) close(*e.run);
  }
}

}  // namespace ttt
