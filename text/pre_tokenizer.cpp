#include "text/pre_tokenizer.h"

#include <limits>
#include <optional>
#include <utility>

#include "base/utf8.h"
#include "text/json_fields.h"
#include "text/normalizer.h"
#include "text/range_table.h"
#include "text/unicode.h"
#include "text/unicode_tables.h"

namespace ttt {
namespace {

// Joins the matches of a pattern and the gaps between them into words, one after the other.
template <class Emit>
class Joiner {
 public:
  Joiner(SplitBehavior behavior, Emit& emit) : behavior_(behavior), emit_(emit) {}

  void take(std::size_t begin, std::size_t end, bool separator) {
    if (begin == end) return;
    switch (behavior_) {
      case SplitBehavior::kIsolated:
        emit_(begin, end);
        break;
      case SplitBehavior::kRemoved:
        if (!separator) emit_(begin, end);
        break;
      case SplitBehavior::kContiguous:
        hold(begin, end, separator == last_);
        break;
      case SplitBehavior::kMergedWithPrevious:
        hold(begin, end, separator && !last_);
        break;
      case SplitBehavior::kMergedWithNext:
        take_for_next(begin, end, separator);
        break;
    }
    last_ = separator;
  }

  void finish() {
    if (holding_) emit_(begin_, end_);
  }

 private:
  void hold(std::size_t begin, std::size_t end, bool extend) {
    if (!holding_ || !extend) {
      finish();
      begin_ = begin;
    }
    end_ = end;
    holding_ = true;
  }

  void take_for_next(std::size_t begin, std::size_t end, bool separator) {
    if (separator) return hold(begin, end, false);
    emit_(holding_ ? begin_ : begin, end);
    holding_ = false;
  }

  SplitBehavior behavior_;
  Emit& emit_;
  bool holding_ = false;
  bool last_ = false;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

template <class Emit>
void split(const PreTokenizer::Split& step, std::string_view s, Emit emit) {
  Joiner<Emit> joiner(step.behavior, emit);
  PatternSearch search(step.pattern, s);
  std::size_t at = 0;
  for (std::size_t from = 0; from <= s.size();) {
    const auto match = search.find(from);
    if (!match) break;
    joiner.take(at, match->begin, step.invert);
    joiner.take(match->begin, match->end, !step.invert);
    at = from = match->end;
    // An empty match cuts, and the next one is behind the character there.
    if (match->begin == match->end) from += from < s.size() ? utf8_step(s[from]) : 1;
  }
  joiner.take(at, s.size(), step.invert);
  joiner.finish();
}

// The reference leaves out what stands before the first character that has a script of its own.
template <class Emit>
void split_scripts(std::string_view s, Emit emit) {
  static const RangeTable scripts(unicode_tables::kScriptRuns);
  std::size_t begin = s.size();
  std::uint32_t last = 0;
  for (std::size_t i = 0; i < s.size(); i += utf8_step(s[i])) {
    const std::uint32_t script = scripts(utf8_decode(s.data() + i));
    if (script == 0) continue;
    if (script != last) {
      if (begin < i) emit(begin, i);
      begin = i;
    }
    last = script;
  }
  if (begin < s.size()) emit(begin, s.size());
}

template <class Emit>
void split_fixed(std::size_t length, std::string_view s, Emit emit) {
  std::size_t begin = 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < s.size(); i += utf8_step(s[i])) {
    if (count == length) {
      emit(begin, i);
      begin = i;
      count = 0;
    }
    ++count;
  }
  emit(begin, s.size());
}

std::string with_metaspace(const PreTokenizer::Metaspace& step, std::string_view s, bool first) {
  using Prepend = PreTokenizer::Metaspace::Prepend;
  std::string out;
  out.reserve(s.size() + s.size() / 2 + step.replacement.size());
  const bool prepend = step.prepend == Prepend::kAlways || (step.prepend == Prepend::kFirst && first);
  const bool starts = s.substr(0, step.replacement.size()) == step.replacement || s.substr(0, 1) == " ";
  if (prepend && !starts) out += step.replacement;
  for (const char c : s) {
    if (c == ' ') {
      out += step.replacement;
    } else {
      out.push_back(c);
    }
  }
  return out;
}

SplitBehavior behavior_named(const std::string& name, std::string_view where) {
  constexpr std::pair<std::string_view, SplitBehavior> kNames[] = {
      {"Isolated", SplitBehavior::kIsolated},
      {"Removed", SplitBehavior::kRemoved},
      {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
      {"MergedWithNext", SplitBehavior::kMergedWithNext},
      {"Contiguous", SplitBehavior::kContiguous},
  };
  for (const auto& [known, behavior] : kNames) {
    if (known == name) return behavior;
  }
  fail(ErrorKind::kUnsupported, text(where, ": split behavior \"", name, "\" is not supported"));
}

PreTokenizer::Metaspace read_metaspace(const Json& json, std::string_view where) {
  using Prepend = PreTokenizer::Metaspace::Prepend;
  PreTokenizer::Metaspace step;
  step.replacement = character_field(json, "replacement", where);
  step.split = bool_field(json, "split", true, where);
  const std::string scheme = string_field(json, "prepend_scheme", "always", where);
  step.prepend = scheme == "always" ? Prepend::kAlways : scheme == "first" ? Prepend::kFirst : Prepend::kNever;
  require(scheme == "always" || scheme == "first" || scheme == "never", ErrorKind::kUnsupported, where,
          ": prepend_scheme \"", scheme, "\" is not supported");
  const Json* legacy = json.find("add_prefix_space");
  if (legacy != nullptr && !legacy->is_null() && !legacy->as_bool(text(where, " add_prefix_space"))) {
    require(json.find("prepend_scheme") == nullptr || step.prepend == Prepend::kNever, ErrorKind::kBadData, where,
            ": add_prefix_space contradicts prepend_scheme");
    step.prepend = Prepend::kNever;
  }
  return step;
}

}  // namespace

PreTokenizer PreTokenizer::from_json(const Json& json, std::string_view where) {
  PreTokenizer result;
  if (!json.is_null()) result.read(json, where);
  return result;
}

void PreTokenizer::read(const Json& json, std::string_view where) {
  const std::string type = string_field(json, "type", where);
  if (type != "Sequence") spell_bytes();
  require(steps_.size() < 32, ErrorKind::kUnsupported, where, ": more than 32 pre_tokenizer steps");
  if (type == "Sequence") {
    for (const Json& item : json.at("pretokenizers", where).as_array(text(where, " pretokenizers"))) read(item, where);
  } else if (type == "ByteLevel") {
    if (bool_field(json, "add_prefix_space", true, where)) add(PrefixSpace{});
    if (bool_field(json, "use_regex", true, where)) add(Split{.pattern = Pattern::gpt2()});
    byte_level_ = true;
  } else if (type == "Split") {
    add(Split{.pattern = pattern_field(json, where),
              .behavior = behavior_named(string_field(json, "behavior", where), where),
              .invert = bool_field(json, "invert", false, where)});
  } else if (type == "Digits") {
    const bool single = bool_field(json, "individual_digits", false, where);
    add(Split{.pattern = Pattern::run_of(kDigit, 1),
              .behavior = single ? SplitBehavior::kIsolated : SplitBehavior::kContiguous});
  } else if (type == "Punctuation") {
    add(Split{.pattern = Pattern::run_of(kPunctuation, 1),
              .behavior = behavior_named(string_field(json, "behavior", "Isolated", where), where)});
  } else if (type == "Whitespace") {
    add(Split{.pattern = Pattern::words_or_symbols(), .behavior = SplitBehavior::kRemoved, .invert = true});
  } else if (type == "WhitespaceSplit") {
    add(Split{.pattern = Pattern::run_of(kStripSpace, 1), .behavior = SplitBehavior::kRemoved});
  } else if (type == "Metaspace") {
    add(read_metaspace(json, where));
  } else if (type == "BertPreTokenizer") {
    add(Split{.pattern = Pattern::words_or_punctuation(), .behavior = SplitBehavior::kRemoved, .invert = true});
  } else if (type == "CharDelimiterSplit") {
    add(Split{.pattern = Pattern::literal(character_field(json, "delimiter", where)),
              .behavior = SplitBehavior::kRemoved});
  } else if (type == "UnicodeScripts") {
    add(Scripts{});
  } else if (type == "FixedLength") {
    const std::int64_t length = json.find("length") == nullptr ? 5 : integer_field(json, "length", where);
    require(length > 0, ErrorKind::kBadData, where, " length wanted at least 1, got ", length);
    add(FixedLength{static_cast<std::size_t>(length)});
  } else {
    fail(ErrorKind::kUnsupported, text(where, ": pre_tokenizer of type \"", type, "\" is not supported"));
  }
}

void PreTokenizer::spell_bytes() {
  if (byte_level_) add(SpellBytes{});
  byte_level_ = false;
}

void PreTokenizer::run_from(std::size_t step, std::string_view s, bool first, const Sink& sink) const {
  if (s.empty()) return;
  if (step == steps_.size()) return sink(s);
  const auto pass_parts_of = [&](std::string_view whole) {
    return [this, step, whole, first, &sink](std::size_t begin, std::size_t end) {
      run_from(step + 1, whole.substr(begin, end - begin), first && begin == 0, sink);
    };
  };
  if (const auto* cut = std::get_if<Split>(&steps_[step])) {
    split(*cut, s, pass_parts_of(s));
  } else if (const auto* meta = std::get_if<Metaspace>(&steps_[step])) {
    const std::string changed = with_metaspace(*meta, s, first);
    if (!meta->split) return run_from(step + 1, changed, first, sink);
    const Split at{.pattern = Pattern::literal(meta->replacement), .behavior = SplitBehavior::kMergedWithNext};
    split(at, changed, pass_parts_of(changed));
  } else if (std::holds_alternative<SpellBytes>(steps_[step])) {
    run_from(step + 1, ttt::spell_bytes(s), first, sink);
  } else if (std::holds_alternative<Scripts>(steps_[step])) {
    split_scripts(s, pass_parts_of(s));
  } else if (const auto* fixed = std::get_if<FixedLength>(&steps_[step])) {
    split_fixed(fixed->length, s, pass_parts_of(s));
  } else if (s.front() == ' ') {
    run_from(step + 1, s, first, sink);
  } else {
    run_from(step + 1, text(' ', s), first, sink);
  }
}

}  // namespace ttt
