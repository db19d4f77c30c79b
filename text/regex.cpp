#include "text/regex.h"

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"
#include "text/unicode.h"

namespace ttt {
namespace {

constexpr std::uint64_t kStepsPerByte = 8192, kFreeBytes = 1024;
constexpr std::uint64_t kStepsBeforeRemembering = 1024;

std::size_t before(std::string_view s, std::size_t at) {
  do {
    --at;
  } while ((static_cast<unsigned char>(s[at]) & 0xC0) == 0x80);
  return at;
}

}  // namespace

RegexSearch::RegexSearch(const Regex& regex, std::string_view s)
    : regex_(regex), s_(s), most_steps_(kStepsPerByte * (s.size() + kFreeBytes)) {}

void RegexSearch::count_step() {
  require(++steps_ <= most_steps_, ErrorKind::kUnsupported, "the regular expression \"", regex_.expression_,
          "\" takes more than ", most_steps_, " steps on a text of ", s_.size(), " bytes");
}

bool RegexSearch::edge(std::size_t at) const {
  const auto word = [&](std::size_t i) { return Unicode::tables().is(utf8_decode(s_.data() + i), kWord); };
  const bool left = at > 0 && word(before(s_, at)), right = at < s_.size() && word(at);
  return left != right;
}

bool RegexSearch::tried(std::uint32_t pc, std::size_t at) {
  if (steps_ - find_began_ < kStepsBeforeRemembering) return false;
  if (tried_.empty()) tried_.resize(s_.size() / kPage + 1);
  const std::size_t page = at / kPage, bits = regex_.code_.size() * kPage;
  if (tried_[page] == nullptr) {
    tried_[page] = std::make_unique<std::vector<bool>>(bits);
    pages_in_use_.push_back(page);
  }
  auto bit = (*tried_[page])[pc * kPage + at % kPage];
  if (bit) return true;
  bit = true;
  return false;
}

void RegexSearch::forget() {
  for (const std::size_t page : pages_in_use_) tried_[page].reset();
  pages_in_use_.clear();
}

// As many characters as there are, then fewer one by one.
bool RegexSearch::run(std::uint32_t pc, std::size_t& at, bool inner) {
  const Regex::Code& c = regex_.code_[pc];
  const CharSet& set = regex_.sets_[c.set];
  const auto fits = [&](std::size_t i) { return i < s_.size() && set.has(utf8_decode(s_.data() + i)); };
  for (std::uint32_t n = 0; n < c.least; ++n) {
    if (!fits(at)) return false;
    count_step();
    at += utf8_step(s_[at]);
  }
  const std::size_t shortest = at;
  const bool remember = !inner && !c.possessive && c.most == Regex::kUnbounded;
  if (remember && tried(pc, at)) return false;
  for (std::uint32_t n = c.least; n < c.most && fits(at); ++n) {
    count_step();
    const std::size_t next = at + utf8_step(s_[at]);
    // From there on all has been tried.
    if (remember && tried(pc, next)) break;
    at = next;
  }
  if (at > shortest && !c.possessive) branches_.push_back({pc + 1, at, shortest});
  return true;
}

void RegexSearch::resume(std::uint32_t& pc, std::size_t& at) {
  Branch& branch = branches_.back();
  pc = branch.pc;
  if (branch.limit != kNoRun) branch.at = before(s_, branch.at);
  at = branch.at;
  if (branch.limit == kNoRun || branch.at <= branch.limit) branches_.pop_back();
}

// The end of the match from instruction `pc` at `at`. `inner`: of a group whose outcome is used once, so that nothing
// may be remembered of it.
std::optional<std::size_t> RegexSearch::match(std::uint32_t pc, std::size_t at, bool inner) {
  using Op = Regex::Op;
  const std::size_t base = branches_.size();
  for (;;) {
    count_step();
    const Regex::Code& c = regex_.code_[pc];
    bool holds = true;
    switch (c.op) {
      case Op::kSet:
        holds = at < s_.size() && regex_.sets_[c.set].has(utf8_decode(s_.data() + at));
        if (holds) at += utf8_step(s_[at]);
        ++pc;
        break;
      case Op::kRun:
        holds = run(pc, at, inner);
        ++pc;
        break;
      case Op::kSplit:
        holds = inner || !tried(pc, at);
        if (holds) branches_.push_back({c.b, at});
        pc = c.a;
        break;
      case Op::kJump:
        pc = c.a;
        break;
      case Op::kLook:
        holds = match(pc + 1, at, true).has_value() != c.negative;
        pc = c.a;
        break;
      case Op::kAtomic: {
        const std::optional<std::size_t> end = match(pc + 1, at, true);
        holds = end.has_value();
        at = end.value_or(at);
        pc = c.a;
        break;
      }
      case Op::kStart:
        holds = at == 0 || (at < s_.size() && s_[at - 1] == '\n');
        ++pc;
        break;
      case Op::kEnd:
        holds = at == s_.size() || s_[at] == '\n';
        ++pc;
        break;
      case Op::kTextStart:
        holds = at == 0;
        ++pc;
        break;
      case Op::kTextEnd:
        holds = at == s_.size();
        ++pc;
        break;
      case Op::kLastLine:
        holds = at == s_.size() || (at + 1 == s_.size() && s_[at] == '\n');
        ++pc;
        break;
      case Op::kEdge:
      case Op::kNoEdge:
        holds = edge(at) == (c.op == Op::kEdge);
        ++pc;
        break;
      case Op::kMatch:
        branches_.resize(base);
        return at;
    }
    if (holds) continue;
    if (branches_.size() == base) return std::nullopt;
    resume(pc, at);
  }
}

std::optional<Regex::Match> RegexSearch::find(std::size_t from) {
  find_began_ = steps_;
  std::optional<Regex::Match> found;
  for (std::size_t begin = from; begin <= s_.size() && !found; begin += begin < s_.size() ? utf8_step(s_[begin]) : 1) {
    if (regex_.first_ && (begin == s_.size() || !regex_.first_->has(utf8_decode(s_.data() + begin)))) continue;
    if (const auto end = match(0, begin, false)) found = Regex::Match{begin, *end};
  }
  forget();
  return found;
}

}  // namespace ttt
