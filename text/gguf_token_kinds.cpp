#include "text/gguf_token_kinds.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>

namespace ttt {
namespace {

constexpr std::string_view kTurnEnds[] = {"<|eot_id|>",
                                          "<|im_end|>",
                                          "<|end|>",
                                          "<|return|>",
                                          "<|call|>",
                                          "<|flush|>",
                                          "<|calls|>",
                                          "</s>",
                                          "<end_of_turn>",
                                          "<|endoftext|>",
                                          "<|eom_id|>",
                                          "<EOT>",
                                          "_<EOT>",
                                          "[EOT]",
                                          "[EOS]",
                                          "<|end_of_text|>",
                                          "<end_of_utterance>",
                                          "<eos>",
                                          "<turn|>",
                                          "<|tool_response>",
                                          "<\uFF5Cend\u2581of\u2581sentence\uFF5C>",
                                          "[e~["};

// Where a text is to be filled in; the last three also end a generation.
constexpr std::string_view kFillPrefix[] = {
    "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>",    "<\uFF5Cfim\u2581begin\uFF5C>",
    "<PRE>",          "\u2581<PRE>",  "<|code_prefix|>", "<|prefix|>"};
constexpr std::string_view kFillSuffix[] = {
    "<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>",    "<\uFF5Cfim\u2581hole\uFF5C>",
    "<SUF>",          "\u2581<SUF>",  "<|code_suffix|>", "<|suffix|>"};
constexpr std::string_view kFillMiddle[] = {
    "<|fim_middle|>", "<fim-middle>", "<fim_middle>",    "<\uFF5Cfim\u2581end\uFF5C>",
    "<MID>",          "\u2581<MID>",  "<|code_middle|>", "<|middle|>"};
constexpr std::string_view kFillPad[] = {"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"};
constexpr std::string_view kFillRepository[] = {"<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"};
constexpr std::string_view kFillFile[] = {"<|file_sep|>"};

// Control tokens that chat formats show, so they are always found and never skipped.
constexpr std::string_view kShownTokens[] = {"<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"};

class Kinds {
 public:
  explicit Kinds(const GgufVocabulary& v) : v_(v) {
    const std::size_t count = v.tokens.size();
    result_.types.reserve(count);
    for (std::size_t id = 0; id < count; ++id) {
      result_.types.push_back(v.types.empty() ? GgufTokenType::kNormal : static_cast<GgufTokenType>(v.types[id]));
    }
    ends_.resize(count);
  }

  GgufTokenKinds settle() {
    find_by_name();
    for (const auto& id : {v_.eos, v_.eot, v_.eom, v_.fim_pad, v_.fim_rep, v_.fim_sep}) {
      if (id && *id >= 0 && *id < static_cast<std::int64_t>(ends_.size())) ends_[static_cast<std::size_t>(*id)] = true;
    }
    take_back();
    for (std::size_t id = 0; id < ends_.size(); ++id) {
      if (ends_[id]) result_.ends.push_back(static_cast<std::int32_t>(id));
    }
    return std::move(result_);
  }

 private:
  static bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
    return std::ranges::find(names, name) != names.end();
  }

  // Of names for one purpose the first token counts, unless a key says which it is.
  void fill_in(std::size_t id, std::span<const std::string_view> names, bool ends, bool& found) {
    if (found || !is_one_of(v_.tokens[id], names)) return;
    found = true;
    result_.types[id] = GgufTokenType::kControl;
    if (ends) ends_[id] = true;
  }

  void find_by_name() {
    bool prefix = false, suffix = false, middle = false;
    bool pad = v_.fim_pad.has_value(), repository = v_.fim_rep.has_value(), file = v_.fim_sep.has_value();
    for (std::size_t id = 0; id < v_.tokens.size(); ++id) {
      const std::string& token = v_.tokens[id];
      // All names have brackets: most tokens are told apart by this alone.
      if (token.size() < 5 && token != "[e~[") continue;
      fill_in(id, kFillPrefix, false, prefix);
      fill_in(id, kFillSuffix, false, suffix);
      fill_in(id, kFillMiddle, false, middle);
      fill_in(id, kFillPad, true, pad);
      fill_in(id, kFillRepository, true, repository);
      fill_in(id, kFillFile, true, file);
      if (is_one_of(token, kTurnEnds)) {
        result_.types[id] = GgufTokenType::kControl;
        ends_[id] = true;
      }
      if (is_one_of(token, kShownTokens)) result_.types[id] = GgufTokenType::kUserDefined;
    }
  }

  std::optional<std::size_t> end_named(std::string_view name) const {
    for (std::size_t id = 0; id < ends_.size(); ++id) {
      if (ends_[id] && v_.tokens[id] == name) return id;
    }
    return std::nullopt;
  }

  // Two names that end a turn in most vocabularies, but a part of it beside others.
  void take_back() {
    const bool calls = end_named("<|call|>") || end_named("<|calls|>");
    const auto part_end = end_named("<|end|>");
    if (part_end && calls && (end_named("<|return|>") || end_named("<|flush|>"))) {
      ends_[*part_end] = false;
      result_.types[*part_end] = GgufTokenType::kUserDefined;
    }
    const auto sequence_end = end_named("</s>");
    if (sequence_end && end_named("<|tool_response>")) {
      ends_[*sequence_end] = false;
      result_.types[*sequence_end] = GgufTokenType::kNormal;
    }
  }

  const GgufVocabulary& v_;
  GgufTokenKinds result_;
  std::vector<bool> ends_;
};

}  // namespace

GgufTokenKinds gguf_token_kinds(const GgufVocabulary& vocabulary) { return Kinds(vocabulary).settle(); }

}  // namespace ttt
