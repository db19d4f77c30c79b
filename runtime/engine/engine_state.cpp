#include "runtime/engine/engine_state.h"

#include <algorithm>
#include <utility>

#include "base/checked.h"
#include "base/error.h"

namespace ttt {
namespace {

// What rank 0 tells the others.
enum Operation : std::int64_t { kOpen, kFork, kClose, kForward, kCommit, kFinish };

// So many steps pass until the ranks exchange how long they have waited for each other.
constexpr std::int64_t kStepsOfReport = 16;

}  // namespace

EngineState::EngineState(const BuiltModel& model, ThreadPool& threads, Communicator& communicator, Observer& observer,
                         const RunnerConfig& config, bool prefix_cache)
    : ranks_(communicator),
      timed_(communicator),
      exchange_seconds_(static_cast<std::size_t>(communicator.ranks())),
      runner_(model, threads, communicator.ranks() > 1 ? timed_ : communicator, observer, config),
      slots_(static_cast<std::size_t>(config.sequences)) {
  const auto grows = [](const PageGroup& g) { return g.grows(); };
  if (prefix_cache && std::ranges::any_of(runner_.state().groups(), grows)) cache_.emplace(runner_.state());
  for (std::int64_t s = config.sequences - 1; s >= 0; --s) free_.push_back(s);
}

std::int64_t EngineState::take_slot() {
  require(!free_.empty(), ErrorKind::kInternal, "an engine wanted a free slot, got none of ", slots_.size());
  const std::int64_t slot = free_.back();
  free_.pop_back();
  return slot;
}

std::int64_t EngineState::open(std::string_view key, std::span<const std::int32_t> ids) {
  if (leads()) {
    log_.number(kOpen);
    log_.text(key);
    log_.ids(ids);
  }
  const std::int64_t slot = take_slot();
  Slot& s = slots_[static_cast<std::size_t>(slot)];
  if (!cache_) {
    s.sequence = runner_.create();
    return slot;
  }
  PrefixCache::Found found = cache_->find(key, ids);
  s.sequence = std::move(found.sequence);
  s.place = std::move(found.place);
  s.ids.assign(ids.begin(), ids.begin() + s.sequence.length());
  return slot;
}

std::int64_t EngineState::fork(std::int64_t from) {
  if (leads()) {
    log_.number(kFork);
    log_.number(from);
  }
  const std::int64_t slot = take_slot();
  Slot& to = slots_[static_cast<std::size_t>(slot)];
  to.sequence = at(from).sequence.fork();
  to.place = at(from).place.copy();
  to.ids = at(from).ids;
  return slot;
}

void EngineState::close(std::int64_t slot) {
  if (leads()) {
    log_.number(kClose);
    log_.number(slot);
  }
  Slot& s = slots_[static_cast<std::size_t>(slot)];
  s.sequence = Sequence();
  s.place = PrefixCache::Place();
  s.ids.clear();
  free_.push_back(slot);
}

std::span<const float> EngineState::forward(std::span<const SlotRows> entries) {
  if (leads()) {
    log_.number(kForward);
    log_.number(static_cast<std::int64_t>(entries.size()));
    for (const SlotRows& e : entries) {
      log_.number(e.slot);
      log_.ids(e.ids);
      log_.number(e.wanted);
    }
    log_.send(ranks_);
  }
  entries_.clear();
  ids_.clear();
  wanted_rows_.clear();
  stepped_.clear();
  for (const SlotRows& e : entries) {
    Slot& slot = slots_[static_cast<std::size_t>(e.slot)];
    const auto rows = static_cast<std::int64_t>(e.ids.size());
    slot.next.assign(e.ids.begin(), e.ids.end());
    entries_.push_back({.sequence = &slot.sequence, .rows = rows});
    ids_.insert(ids_.end(), e.ids.begin(), e.ids.end());
    for (std::int64_t r = rows - e.wanted; r < rows; ++r) {
      wanted_rows_.push_back(static_cast<std::int64_t>(ids_.size()) - rows + r);
    }
    stepped_.push_back(e.slot);
  }
  if (cache_) {
    Pages pages(runner_.state().groups().size());
    for (const StepEntry& e : entries_) runner_.state().add_wanted_pages(*e.sequence, e.rows, pages);
    cache_->make_room(pages);
  }
  const std::span<const float> outputs = runner_.forward(entries_, ids_, wanted_rows_);
  if (ranks_.ranks() > 1 && ++forwards_ % kStepsOfReport == 0) gather_exchange_seconds();
  return outputs;
}

void EngineState::gather_exchange_seconds() {
  const double mine = timed_.seconds();
  ranks_.all_gather(std::as_bytes(std::span(&mine, 1)),
                    std::vector<std::int64_t>(exchange_seconds_.size(), sizeof mine),
                    std::as_writable_bytes(std::span(exchange_seconds_)));
}

void EngineState::commit(std::span<const std::int64_t> kept) {
  if (leads()) {
    log_.number(kCommit);
    log_.number(static_cast<std::int64_t>(kept.size()));
    for (const std::int64_t k : kept) log_.number(k);
  }
  for (std::size_t i = 0; i < kept.size(); ++i) {
    Slot& slot = slots_[static_cast<std::size_t>(stepped_[i])];
    slot.ids.insert(slot.ids.end(), slot.next.begin(), slot.next.begin() + kept[i]);
    // Before commit, which releases the pages that windows have passed.
    if (cache_) cache_->keep(slot.place, slot.sequence, slot.ids);
  }
  runner_.commit(kept);
}

void EngineState::keep_alive() {
  if (leads()) log_.send(ranks_);
}

void EngineState::finish() {
  if (!leads()) return;
  log_.number(kFinish);
  log_.send(ranks_);
}

void EngineState::follow() {
  for (bool goes_on = true; goes_on;) {
    OperationReader operations(ranks_);
    while (goes_on && !operations.empty()) goes_on = follow_one(operations);
  }
}

// False: rank 0 has finished.
bool EngineState::follow_one(OperationReader& operations) {
  switch (operations.number()) {
    case kOpen: {
      const std::string_view key = operations.text();
      open(key, operations.ids());
      return true;
    }
    case kFork:
      fork(operations.number());
      return true;
    case kClose:
      close(operations.number());
      return true;
    case kForward: {
      std::vector<SlotRows> entries(static_cast<std::size_t>(operations.number()));
      std::vector<std::vector<std::int32_t>> ids;
      for (SlotRows& e : entries) {
        e.slot = operations.number();
        ids.push_back(operations.ids());
        e.ids = ids.back();
        e.wanted = operations.number();
      }
      forward(entries);
      return true;
    }
    case kCommit: {
      std::vector<std::int64_t> kept(static_cast<std::size_t>(operations.number()));
      for (std::int64_t& k : kept) k = operations.number();
      commit(kept);
      return true;
    }
    case kFinish:
      return false;
    default:
      fail(ErrorKind::kInternal, "operations of an engine wanted a known one, got another");
  }
}

EngineState::Pages EngineState::available() const {
  Pages pages;
  for (const PageGroup& g : runner_.state().groups()) pages.push_back(g.free_pages() + g.idle_pages());
  return pages;
}

EngineState::Pages EngineState::wanted(std::int64_t slot, std::int64_t rows) const {
  Pages pages(runner_.state().groups().size());
  runner_.state().add_wanted_pages(at(slot).sequence, rows, pages);
  return pages;
}

EngineState::Pages EngineState::wanted_by_new(std::int64_t rows) const {
  Pages pages;
  for (const PageGroup& g : runner_.state().groups()) {
    pages.push_back(g.windowed() || !g.grows() ? 0 : div_up(rows, g.page_rows()));
  }
  return pages;
}

std::int64_t EngineState::most_rows() const {
  std::int64_t most = config().context;
  for (const PageGroup& g : runner_.state().groups()) {
    if (g.grows() && !g.windowed()) most = std::min(most, g.pages() * g.page_rows());
  }
  return most;
}

const PageGroup* EngineState::counted_group() const {
  const std::span<const PageGroup> groups = runner_.state().groups();
  const auto found = std::ranges::find_if(groups, [](const PageGroup& g) { return g.grows() && !g.windowed(); });
  return groups.empty() ? nullptr : found == groups.end() ? &groups.front() : &*found;
}

std::int64_t EngineState::pages() const { return counted_group() == nullptr ? 0 : counted_group()->pages(); }
std::int64_t EngineState::used_pages() const {
  return counted_group() == nullptr ? 0 : pages() - counted_group()->free_pages();
}
std::int64_t EngineState::cached_pages() const {
  return counted_group() == nullptr ? 0 : counted_group()->idle_pages();
}

}  // namespace ttt
