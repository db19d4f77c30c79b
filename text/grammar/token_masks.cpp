#include "text/grammar/token_masks.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/error.h"

namespace ttt {

using State = GrammarAutomaton::State;

// Tokens that a state allows with what is known of the stack.
struct TokenMasks::Kept {
  std::vector<std::uint32_t> dense;  // a mask, or empty
  std::vector<std::int32_t> ids;     // where these are few
  std::vector<Place> places;         // behind which a token goes on with what is below
  bool whole_tree = false;           // all tokens may go on with it: this state may end its rule right away
  std::unordered_map<State, Shared> next;

  bool depends() const { return whole_tree || !places.empty(); }
  void keep(std::vector<std::uint32_t> mask) {
    std::size_t count = 0;
    for (const std::uint32_t word : mask) count += static_cast<std::size_t>(std::popcount(word));
    if (count >= mask.size()) {
      dense = std::move(mask);
      return;
    }
    ids.reserve(count);
    for (std::size_t i = 0; i < mask.size(); ++i) {
      for (std::uint32_t word = mask[i]; word != 0; word &= word - 1) {
        ids.push_back(static_cast<std::int32_t>(32 * i) + std::countr_zero(word));
      }
    }
  }
  void add_to(std::span<std::uint32_t> mask) const {
    for (std::size_t i = 0; i < dense.size(); ++i) mask[i] |= dense[i];
    for (const std::int32_t id : ids) mask[static_cast<std::size_t>(id) / 32] |= 1u << (static_cast<unsigned>(id) % 32);
  }
  std::int64_t bytes() const {
    return static_cast<std::int64_t>(256 + 4 * dense.size() + 4 * ids.size() + sizeof(Place) * places.size());
  }
};

// Walks a tree, or a part of it, with one head whose stack is not known.
class TokenMasks::Walk {
 public:
  Walk(const TokenMasks& masks, std::vector<std::uint32_t>& mask, std::vector<Place>& places)
      : masks_(masks), automaton_(masks.automaton_), stepper_(automaton_), mask_(mask), places_(places) {}

  // Below `place`, where the head begins.
  void run(Place place, State state) {
    const TokenTree& tree = masks_.vocabulary_.tree(place.tree);
    const std::uint32_t end = tree.at(place.node).end;
    const unsigned top = tree.at(place.node).depth;
    heads_.assign(1, {state, GrammarStacks::kUnknown});
    // Level n, of nodes that many bytes below the place: heads_ from begins_[n] to begins_[n + 1], stacks below
    // marks_[n].
    begins_.assign({0, 1});
    marks_.assign({stacks_.size(), stacks_.size()});
    if (place.node != 0) note(place);
    for (std::uint32_t i = place.node + 1; i < end;) {
      const TokenTree::Node& node = tree.at(i);
      const std::size_t level = node.depth - top;
      heads_.resize(begins_[level]);
      stacks_.shrink(marks_[level]);
      begins_.resize(level + 1);
      marks_.resize(level + 1);
      step(begins_[level - 1], node.byte);
      if (heads_.size() == begins_[level]) {
        i = node.end;
        continue;
      }
      begins_.push_back(heads_.size());
      marks_.push_back(stacks_.size());
      const bool all = node.end > i + kFewNodes && reads_all(place.tree, begins_[level]);
      allow(tree.ids(i, all ? node.end : i + 1));
      if (!all && node.end > i + 1) note({place.tree, i});
      i = all ? node.end : i + 1;
    }
  }

 private:
  static constexpr std::uint32_t kFewNodes = 64;  // that are as soon looked at one by one

  void allow(std::span<const std::int32_t> ids) {
    for (const std::int32_t id : ids) {
      mask_[static_cast<std::size_t>(id) / 32] |= 1u << (static_cast<unsigned>(id) % 32);
    }
  }

  // Whether the last level's only head reads whatever follows in a tree of plain tokens.
  bool reads_all(std::uint32_t tree, std::size_t level) {
    if (tree == 0 || heads_.size() != level + 1) return false;
    const auto [at, fresh] = reach_.try_emplace(heads_[level].state, 0);
    if (fresh) at->second = masks_.plain_reach(heads_[level].state);
    return at->second >= GrammarVocabulary::kPlainLengths[tree - 1];
  }

  void step(std::size_t parent, std::uint8_t byte) {
    const std::size_t count = heads_.size() - parent;
    if (count == 1) {
      // Nearly always: one head, which stays in its rule.
      const GrammarHead head = heads_[parent];
      const std::uint32_t value = automaton_.step(head.state, byte);
      if ((value & GrammarAutomaton::kMany) == 0 &&
          (head.stacks == GrammarStacks::kUnknown || !automaton_.accepts(head.state))) {
        if (value != GrammarAutomaton::kDead) heads_.push_back({value, head.stacks});
        return;
      }
    }
    stepper_.step(std::span(heads_).subspan(parent), byte, stacks_, heads_);
    constexpr std::uint64_t kMostWork = std::uint64_t{1} << 24;
    require(
        stepper_.work() < kMostWork, ErrorKind::kUnsupported,
        "the grammar wanted fewer ways to read a text: after it, finding the tokens that may follow takes more than ",
        kMostWork, " steps");
  }

  // Whether tokens that begin with the node may leave the rule there.
  void note(Place place) {
    const std::span<const GrammarHead> heads = std::span(heads_).subspan(begins_[begins_.size() - 2]);
    for (const GrammarHead& head : heads) {
      if (!automaton_.accepts(head.state)) continue;
      if (reaches(automaton_, heads, stacks_, GrammarStacks::kUnknownState)) places_.push_back(place);
      return;
    }
  }

  const TokenMasks& masks_;
  const GrammarAutomaton& automaton_;
  GrammarStepper stepper_;
  GrammarStacks stacks_;
  std::unordered_map<State, int> reach_;  // of the states that were asked for
  std::vector<std::uint32_t>& mask_;
  std::vector<Place>& places_;
  std::vector<GrammarHead> heads_;
  std::vector<std::size_t> begins_, marks_;
};

TokenMasks::TokenMasks(const GrammarAutomaton& automaton, const GrammarVocabulary& vocabulary, std::int64_t cache_bytes)
    : automaton_(automaton), vocabulary_(vocabulary), cache_bytes_(cache_bytes) {}
TokenMasks::~TokenMasks() = default;

namespace {

// How UTF-8 goes on after a byte of plain text: a byte of the range leads to another phase. Phase 0 is between
// characters.
struct PhaseEdge {
  std::uint8_t phase, first, last, next;
};
constexpr PhaseEdge kPlainText[] = {{0, 0x20, 0x21, 0}, {0, 0x23, 0x5B, 0}, {0, 0x5D, 0x7F, 0}, {0, 0xC2, 0xDF, 1},
                                    {0, 0xE0, 0xE0, 2}, {0, 0xE1, 0xEC, 3}, {0, 0xED, 0xED, 4}, {0, 0xEE, 0xEF, 3},
                                    {0, 0xF0, 0xF0, 5}, {0, 0xF1, 0xF3, 6}, {0, 0xF4, 0xF4, 7}, {1, 0x80, 0xBF, 0},
                                    {2, 0xA0, 0xBF, 1}, {3, 0x80, 0xBF, 1}, {4, 0x80, 0x9F, 1}, {5, 0x90, 0xBF, 3},
                                    {6, 0x80, 0xBF, 3}, {7, 0x80, 0x8F, 3}};
constexpr int kAnyLengthOfPlain = 1 << 20;
constexpr std::size_t kManyStates = 256;  // then it is not worth its while

}  // namespace

// How many plain characters are read from this state, whatever they are; kAnyLengthOfPlain.
int TokenMasks::plain_reach(State state) const {
  std::vector<State> frontier{state}, seen{state};
  for (int count = 0; count < GrammarVocabulary::kPlainLengths.back(); ++count) {
    // All states within and behind the next character.
    std::vector<std::pair<std::uint8_t, State>> open;
    for (const State s : frontier) open.emplace_back(0, s);
    std::vector<State> next;
    for (std::size_t i = 0; i < open.size(); ++i) {
      const auto [phase, at] = open[i];
      for (const PhaseEdge& e : kPlainText) {
        if (e.phase != phase) continue;
        State last = GrammarAutomaton::kDead;
        for (unsigned byte = e.first; byte <= e.last; ++byte) {
          const std::uint32_t to = automaton_.step(at, static_cast<std::uint8_t>(byte));
          if (to >= GrammarAutomaton::kDead) return count;
          if (to == std::exchange(last, to)) continue;
          if (open.size() + next.size() > kManyStates) return count;
          if (e.next == 0) {
            next.push_back(to);
          } else if (std::pair<std::uint8_t, State> inner(e.next, to);
                     std::find(open.begin(), open.end(), inner) == open.end()) {
            open.push_back(inner);
          }
        }
      }
    }
    std::sort(next.begin(), next.end());
    next.erase(std::unique(next.begin(), next.end()), next.end());
    frontier.clear();
    for (const State s : next) {
      if (std::find(seen.begin(), seen.end(), s) == seen.end()) frontier.push_back(s);
    }
    if (frontier.empty()) return kAnyLengthOfPlain;
    if (seen.size() > kManyStates) return count + 1;
    seen.insert(seen.end(), frontier.begin(), frontier.end());
  }
  return GrammarVocabulary::kPlainLengths.back();
}

TokenMasks::Shared TokenMasks::compute_base(State state) const {
  auto made = std::make_shared<Kept>();
  std::vector<std::uint32_t> mask(vocabulary_.words());
  Walk walk(*this, mask, made->places);
  made->whole_tree = automaton_.accepts(state);
  walk.run({0, 0}, state);
  const int reach = plain_reach(state);
  for (std::uint32_t group = 0; group < GrammarVocabulary::kPlainLengths.size(); ++group) {
    if (reach >= GrammarVocabulary::kPlainLengths[group]) {
      const std::span<const std::uint32_t> all = vocabulary_.plain_mask(group);
      for (std::size_t i = 0; i < all.size(); ++i) mask[i] |= all[i];
    } else {
      walk.run({group + 1, 0}, state);
    }
  }
  made->keep(std::move(mask));
  return made;
}

// Another thread may have come first: then its result is used.
TokenMasks::Shared TokenMasks::publish(std::unordered_map<State, Shared>& where, State state, Shared made) {
  const std::lock_guard lock(mutex_);
  used_bytes_ += made->bytes();
  if (used_bytes_ > cache_bytes_) {
    // What others use at the moment stays until they are done.
    bases_.clear();
    used_bytes_ = made->bytes();
  }
  return where.try_emplace(state, std::move(made)).first->second;
}

TokenMasks::Shared TokenMasks::base_of(State state) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = bases_.find(state); found != bases_.end()) return found->second;
  }
  return publish(bases_, state, compute_base(state));
}

TokenMasks::Shared TokenMasks::below(const Shared& kept, State state) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = kept->next.find(state); found != kept->next.end()) return found->second;
  }
  auto made = std::make_shared<Kept>();
  std::vector<std::uint32_t> mask(vocabulary_.words());
  if (kept->whole_tree) {
    const Shared base = base_of(state);
    base->add_to(mask);
    made->places = base->places;
    made->whole_tree = base->whole_tree;
  }
  Walk walk(*this, mask, made->places);
  for (const Place place : kept->places) walk.run(place, state);
  made->keep(std::move(mask));
  return publish(kept->next, state, std::move(made));
}

void TokenMasks::add(std::span<const GrammarHead> heads, const GrammarStacks& stacks, std::span<std::uint32_t> mask) {
  struct Open {
    Shared kept;
    GrammarStacks::Set set;
  };
  std::vector<Open> open;
  const auto put = [&](Shared kept, GrammarStacks::Set set) {
    kept->add_to(mask);
    if (!kept->depends()) return;
    const bool known =
        std::any_of(open.begin(), open.end(), [&](const Open& o) { return o.kept == kept && o.set == set; });
    if (!known) open.push_back({std::move(kept), set});
  };
  for (const GrammarHead& head : heads) put(base_of(head.state), head.stacks);
  for (std::size_t i = 0; i < open.size(); ++i) {
    for (GrammarStacks::Set s = open[i].set; s != GrammarStacks::kNone; s = stacks.at(s).next) {
      const GrammarStacks::Entry& entry = stacks.at(s);
      if (entry.state == GrammarStacks::kEndState) continue;
      const Shared kept = open[i].kept;  // `open` moves
      put(below(kept, entry.state), entry.below);
    }
  }
}

}  // namespace ttt
