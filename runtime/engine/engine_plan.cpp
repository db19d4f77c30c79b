// Which rows an engine computes in its next step.

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "runtime/engine/engine_core.h"

namespace ttt {
namespace {

// A run that so many later ones have passed, for their priority, goes before all others.
constexpr std::int64_t kPatience = 64;

}  // namespace

bool EngineCore::before(const Run& a, const Run& b) {
  const auto key = [](const Run& r) {
    const EngineJob& job = *r.text->job();
    return std::tuple(r.passed < kPatience, r.passed < kPatience ? job.request.priority : 0, job.arrival,
                      r.text->index());
  };
  return key(a) < key(b);
}

void EngineCore::insert(Runs& runs, std::unique_ptr<Run> run) {
  const auto at = std::ranges::upper_bound(runs, run, [](const auto& a, const auto& b) { return before(*a, *b); });
  runs.insert(at, std::move(run));
}

// Whether the pages are there, beside those of the rows that are planned.
bool EngineCore::fits(const EngineState::Pages& wanted) const {
  const EngineState::Pages available = state_.available();
  for (std::size_t g = 0; g < wanted.size(); ++g) {
    std::int64_t all = wanted[g];
    for (const Entry& e : plan_) all += e.pages[g];
    if (all > available[g]) return false;
  }
  return true;
}

// Takes the rows from a run, which waits for having them computed again.
void EngineCore::preempt(std::size_t running) {
  std::unique_ptr<Run> run = std::move(running_[running]);
  running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(running));
  std::erase_if(plan_, [&](const Entry& e) { return e.run == run.get(); });
  state_.close(run->slot);
  run->slot = -1;
  ++counted_.preemptions;
  insert(waiting_, std::move(run));
}

// Makes pages free for `rows` more rows of a run, by taking those of the last ones in the order. False: it was the last
// itself, and waits now.
bool EngineCore::make_room(Run& run, std::int64_t rows) {
  while (!fits(state_.wanted(run.slot, rows))) {
    require(running_.size() > 1, ErrorKind::kInternal, "an engine wanted pages for ", rows,
            " rows of the only sequence that runs, got too few of ", state_.pages());
    const bool last = running_.back().get() == &run;
    preempt(running_.size() - 1);
    if (last) return false;
  }
  return true;
}

void EngineCore::add_entry(Run& run, std::int64_t rows, std::int64_t wanted) {
  plan_.push_back({.run = &run, .rows = rows, .wanted = wanted, .pages = state_.wanted(run.slot, rows)});
}

// Whether there are pages for all tokens of a waiting run, beside those that running ones will need soon.
bool EngineCore::may_admit(const Run& run) const {
  if (running_.empty()) return true;
  EngineState::Pages wanted = state_.wanted_by_new(run.text->length());
  for (const auto& r : running_) {
    const bool planned = std::ranges::any_of(plan_, [&](const Entry& e) { return e.run == r.get(); });
    const EngineState::Pages more = state_.wanted_by_new(planned ? 1 : pending(*r));
    for (std::size_t g = 0; g < wanted.size(); ++g) wanted[g] += more[g];
  }
  return fits(wanted);
}

// Begins waiting runs, in their order, until one does not fit: those after it do not overtake it.
void EngineCore::admit(std::int64_t most) {
  for (; most > 0 && !waiting_.empty() && state_.free_slots() > 0 && may_admit(*waiting_.front()); --most) {
    std::unique_ptr<Run> run = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    EngineJob& job = *run->text->job();
    run->slot = state_.open(job.request.cache_key, run->text->reusable());
    const std::int64_t found = state_.length(run->slot);
    counted_.prefix_queries += run->text->length();
    counted_.prefix_hits += found;
    if (job.times.admitted == Clock::time_point{}) {
      job.times.admitted = Clock::now();
      job.usage.cached = found;
    }
    bool passes = false;
    for (const auto& w : waiting_) {
      if (w->text->job()->arrival >= job.arrival) continue;
      passes |= ++w->passed == kPatience;
    }
    if (passes) std::ranges::stable_sort(waiting_, [](const auto& a, const auto& b) { return before(*a, *b); });
    insert(running_, std::move(run));
  }
}

// Divides `rows` among the runs whose tokens have no rows yet. The first in the order gets half, or what the others
// leave; of these the shortest come first, so that short prompts do not wait for long ones.
std::vector<std::pair<EngineCore::Run*, std::int64_t>> EngineCore::share(std::int64_t rows) {
  std::vector<std::pair<Run*, std::int64_t>> runs;
  std::int64_t all = 0;
  for (const auto& r : running_) {
    if (std::ranges::any_of(plan_, [&](const Entry& e) { return e.run == r.get(); })) continue;
    runs.emplace_back(r.get(), pending(*r));
    all += runs.back().second;
  }
  if (runs.empty()) return runs;
  std::int64_t& first = runs.front().second;
  first = std::min(first, std::max(rows - (all - first), (rows + 1) / 2));
  rows -= first;
  std::stable_sort(runs.begin() + 1, runs.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  for (auto r = runs.begin() + 1; r != runs.end(); ++r) {
    r->second = std::min(r->second, rows);
    rows -= r->second;
  }
  return runs;
}

void EngineCore::plan_prompts(std::int64_t rows, std::int64_t& outputs) {
  bool first = true;
  for (auto [run, count] : share(rows)) {
    const bool all_outputs = run->text->wants_prompt_rows();
    if (all_outputs) count = std::min(count, outputs);
    count = std::min(count, state_.config().context);
    if (first && count > 0 && !make_room(*run, count)) return;
    first = false;
    while (count > 0 && !fits(state_.wanted(run->slot, count))) count /= 2;
    const bool completes = count == pending(*run);
    const std::int64_t wanted = all_outputs ? count : completes ? 1 : 0;
    if (count == 0 || wanted > outputs) continue;
    add_entry(*run, count, wanted);
    outputs -= wanted;
  }
}

std::int64_t EngineCore::rows_planned() const {
  std::int64_t rows = 0;
  for (const Entry& e : plan_) rows += e.rows;
  return rows;
}

// Guesses what continues the runs that get one row, where it pays.
void EngineCore::add_guesses(std::int64_t rows, std::int64_t outputs) {
  const auto takes_guesses = [&](const Entry& e) {
    return e.rows == 1 && pending(*e.run) == 1 && e.run->siblings.empty() && !e.run->text->wants_prompt_rows();
  };
  const double break_even = cost_.break_even(std::ranges::count_if(plan_, takes_guesses));
  for (Entry& e : plan_) {
    if (!takes_guesses(e)) continue;
    const Continuation& text = *e.run->text;
    const std::int64_t most = std::min({options_.speculate, rows, outputs, state_.config().context - text.length(),
                                        text.job()->request.max_new_tokens - text.generated() - 1});
    const std::int64_t length = most > 0 ? e.run->guess_length.next(most, break_even) : 0;
    if (length == 0) continue;
    const std::span<const std::int32_t> guess = e.run->lookup.guess(text.ids(), length);
    const auto count = static_cast<std::int64_t>(guess.size());
    const EngineState::Pages one = std::exchange(e.pages, state_.wanted(e.run->slot, 1 + count));
    if (count == 0 || !fits(EngineState::Pages(one.size()))) {
      e.pages = one;
      continue;
    }
    e.guesses.assign(guess.begin(), guess.end());
    e.rows += count;
    e.wanted += count;
    rows -= count;
    outputs -= count;
  }
}

void EngineCore::plan() {
  plan_.clear();
  const RunnerConfig& config = state_.config();
  std::int64_t rows = config.chunk, outputs = config.wanted;
  for (std::size_t i = 0; i < running_.size() && rows > 0; ++i) {
    Run& run = *running_[i];
    if (pending(run) != 1 || run.text->wants_prompt_rows() || !make_room(run, 1)) continue;
    add_entry(run, 1, 1);
    --rows;
    --outputs;
  }
  if (!plan_.empty()) {
    const std::int64_t part = options_.prompt_rows > 0 ? options_.prompt_rows : (options_.step_rows + 3) / 4;
    rows = std::min(rows, part);
  }
  const auto prompts = static_cast<std::int64_t>(running_.size() - plan_.size());
  admit(rows - prompts);
  if (rows > 0) plan_prompts(rows, outputs);
  if (options_.speculate > 0) add_guesses(config.chunk - rows_planned(), outputs);
}

}  // namespace ttt
