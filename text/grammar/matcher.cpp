#include "text/grammar/matcher.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace ttt {

GrammarStacks::Set GrammarStacks::merge(Set a, Set b, int depth) {
  // Below this, stacks with equal states stay apart: the same language, in more entries.
  constexpr int kDeepest = 64;
  if (a == b) return a;
  // The entries of `a`, those with the state of one of `b` joined to it, before the rest of `b`.
  std::vector<Entry> all;
  const auto put = [&](Entry entry) {
    for (Entry& other : all) {
      if (other.state != entry.state || (depth == kDeepest && other.below != entry.below)) continue;
      if (other.below != entry.below) other.below = merge(other.below, entry.below, depth + 1);
      return;
    }
    all.push_back(entry);
  };
  for (Set s = a; s != kNone; s = entries_[s].next) put(entries_[s]);
  for (Set s = b; s != kNone; s = entries_[s].next) put(entries_[s]);
  Set set = kNone;
  for (Entry& entry : all) set = add({entry.state, entry.below, set});
  return set;
}

GrammarStacks::Set GrammarStacks::copy(Set set, GrammarStacks& to, std::vector<std::pair<Set, Set>>& copies) const {
  std::unordered_map<Set, Set> done{{kBottom, kBottom}, {kUnknown, kUnknown}, {kNone, kNone}};
  done.insert(copies.begin(), copies.end());
  std::vector<Set> open{set};
  while (!open.empty()) {
    const Set s = open.back();
    if (done.contains(s)) {
      open.pop_back();
      continue;
    }
    const auto below = done.find(entries_[s].below), next = done.find(entries_[s].next);
    if (below != done.end() && next != done.end()) {
      const Set made = to.add({entries_[s].state, below->second, next->second});
      done.emplace(s, made);
      copies.emplace_back(s, made);
      open.pop_back();
      continue;
    }
    if (below == done.end()) open.push_back(entries_[s].below);
    if (next == done.end()) open.push_back(entries_[s].next);
  }
  return done.at(set);
}

void GrammarStepper::add(GrammarHead head, std::size_t first, GrammarStacks& stacks,
                         std::vector<GrammarHead>& out) const {
  for (std::size_t i = first; i < out.size(); ++i) {
    if (out[i].state != head.state) continue;
    out[i].stacks = stacks.merge(out[i].stacks, head.stacks);
    return;
  }
  out.push_back(head);
}

void GrammarStepper::step(std::span<const GrammarHead> heads, std::uint8_t byte, GrammarStacks& stacks,
                          std::vector<GrammarHead>& out) {
  const std::size_t first = out.size();
  open_.assign(heads.begin(), heads.end());
  for (std::size_t i = 0; i < open_.size(); ++i) {
    const GrammarHead head = open_[i];
    const std::uint32_t value = automaton_->step(head.state, byte);
    if ((value & GrammarAutomaton::kMany) != 0) {
      for (const GrammarAutomaton::Option& option : automaton_->options(value)) {
        GrammarStacks::Set set = head.stacks;
        for (const GrammarAutomaton::State q : automaton_->pushes(option)) set = stacks.push(q, set);
        add({option.to, set}, first, stacks, out);
      }
    } else if (value != GrammarAutomaton::kDead) {
      add({value, head.stacks}, first, stacks, out);
    }
    if (!automaton_->accepts(head.state)) continue;
    for (GrammarStacks::Set s = head.stacks; s != GrammarStacks::kNone; s = stacks.at(s).next) {
      const GrammarStacks::Entry& entry = stacks.at(s);
      if (entry.state >= GrammarStacks::kEndState) continue;
      const GrammarHead after{entry.state, entry.below};
      const bool known = std::any_of(open_.begin(), open_.end(), [&](const GrammarHead& h) {
        return h.state == after.state && h.stacks == after.stacks;
      });
      if (!known) open_.push_back(after);
    }
  }
  work_ += open_.size();
}

bool reaches(const GrammarAutomaton& automaton, std::span<const GrammarHead> heads, const GrammarStacks& stacks,
             GrammarAutomaton::State end) {
  std::vector<GrammarHead> open;
  for (const GrammarHead& head : heads) {
    if (automaton.accepts(head.state)) open.push_back(head);
  }
  for (std::size_t i = 0; i < open.size(); ++i) {
    for (GrammarStacks::Set s = open[i].stacks; s != GrammarStacks::kNone; s = stacks.at(s).next) {
      const GrammarStacks::Entry& entry = stacks.at(s);
      if (entry.state == end) return true;
      if (entry.state >= GrammarStacks::kEndState || !automaton.accepts(entry.state)) continue;
      const bool known = std::any_of(open.begin(), open.end(), [&](const GrammarHead& h) {
        return h.state == entry.state && h.stacks == entry.below;
      });
      if (!known) open.push_back({entry.state, entry.below});
    }
  }
  return false;
}

bool GrammarMatcher::accept(std::string_view bytes) {
  before_ = heads_;
  const std::size_t size = stacks_.size();
  for (const char c : bytes) {
    next_.clear();
    stepper_.step(heads_, static_cast<std::uint8_t>(c), stacks_, next_);
    heads_.swap(next_);
    if (!heads_.empty()) continue;
    heads_.swap(before_);
    stacks_.shrink(size);
    return false;
  }
  if (stacks_.size() >= collect_at_) collect();
  return true;
}

void GrammarMatcher::collect() {
  GrammarStacks kept;
  std::vector<std::pair<GrammarStacks::Set, GrammarStacks::Set>> copies;
  for (GrammarHead& head : heads_) head.stacks = stacks_.copy(head.stacks, kept, copies);
  stacks_ = std::move(kept);
  collect_at_ = std::max<std::size_t>(4096, 2 * stacks_.size());
}

}  // namespace ttt
