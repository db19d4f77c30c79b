#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "checkpoint/config_report.h"

namespace ttt {

struct IntegerRange {
  std::int64_t min = 0;
  std::int64_t max = std::int64_t{1} << 31;
};

struct NumberRange {
  double min = -std::numeric_limits<double>::max();
  double max = std::numeric_limits<double>::max();
  bool above_min = false;  // min itself is refused
};

// Typed reading of a Hugging Face configuration by family code. Null is treated as absent, as Hugging Face writes it.
// Errors are Error{kBadData} "config.json: num_attention_heads wanted 1 .. 65536, got 0". Every key that was read is
// remembered, so that finish() can refuse keys that were not read.
class ConfigReader {
 public:
  // `json` and `report` must outlive the reader; without a report, warnings and notes are lost. Throws unless `json` is
  // an object.
  ConfigReader(const Json& json, std::string where, ConfigReport* report = nullptr);

  bool has(std::string_view key);      // present and not null; marks the key as read
  bool present(std::string_view key);  // null or not; marks the key as read. For keys where null differs from absent
  // Missing: an error.
  std::int64_t integer(std::string_view key, IntegerRange range = {});
  double number(std::string_view key, NumberRange range = {});
  bool boolean(std::string_view key);
  std::string string(std::string_view key);
  // Missing: the default, which need not be in the range.
  std::int64_t integer(std::string_view key, std::int64_t absent, IntegerRange range = {});
  double number(std::string_view key, double absent, NumberRange range = {});
  bool boolean(std::string_view key, bool absent);
  std::string string(std::string_view key, std::string_view absent);
  std::optional<std::int64_t> optional_integer(std::string_view key, IntegerRange range = {});
  // A length of at least 1. Python's values for "no limit" (Infinity, 10^30) become the largest length.
  std::optional<std::int64_t> positions(std::string_view key);
  std::optional<double> optional_number(std::string_view key, NumberRange range = {});
  // One integer or a list of them; missing: empty. (eos_token_id.)
  std::vector<std::int64_t> integers(std::string_view key, IntegerRange range = {});
  std::vector<std::string> strings(std::string_view key);  // missing: empty
  // Null when missing. The caller reads its members.
  const Json* value(std::string_view key);
  // A nested configuration ("text_config"), with the same report; the caller finishes it too.
  ConfigReader object(std::string_view key);
  // A part that the caller has found; `where` names file and part.
  ConfigReader nested(const Json& json, std::string where) const;

  // The key, when present, must hold exactly this; else Error{kUnsupported} with both values and `hint`.
  void only(std::string_view key, const Json& supported, std::string_view hint = {});

  // Error{kBadData} "WHERE: KEY PROBLEM" for conditions over several fields.
  [[noreturn]] void refuse(std::string_view key, const std::string& problem) const;
  // Error{kUnsupported} of the same form, for valid values that are not supported.
  [[noreturn]] void unsupported(std::string_view key, const std::string& problem) const;

  // While it lives, errors end in "(wanted by NAME)": the family that reads the configuration, or the function that
  // reads a part of it for many families. The one that was created last is named first.
  class Part {
   public:
    Part(ConfigReader& reader, std::string_view name);
    ~Part() { reader_.readers_ = std::move(before_); }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;

   private:
    ConfigReader& reader_;
    std::string before_;
  };

  // The reference does not use this key, whatever its value: a note, or Error{kUnsupported} when read strictly.
  void ignore(std::string_view key);
  // The configuration contradicts itself, and the reference continues as in `problem`: a warning, or Error{kBadData}
  // when read strictly.
  void contradiction(const std::string& problem);
  void note(const std::string& what);
  ConfigReport* report() const { return report_; }

  // Error{kUnsupported} naming the first key that was neither read nor is known to change no result. `harmless`: keys
  // of the family; a trailing '*' matches any ending. Keys that every configuration may have are known already; a
  // quantization_config that was not read is refused with its method. Keys that were not read, but are null, false, 0
  // or empty, have no effect and are accepted.
  void finish(std::span<const std::string_view> harmless = {});
  const std::vector<std::string>& ignored() const { return ignored_; }  // harmless keys that were present
  const std::vector<std::string>& unknown() const { return unknown_; }  // accepted: without effect, or allowed

  const std::string& where() const { return where_; }

 private:
  const Json* read(std::string_view key);
  const Json& required(std::string_view key);
  std::int64_t integer_in(const IntegerRange& range, std::string_view key, const Json& v) const;
  [[noreturn]] void fail_at(ErrorKind kind, ErrorParts parts) const;
  // get(): one of Json's as_*, whose error is completed.
  template <class Get>
  auto typed(std::string_view key, const Get& get) const;
  const Json* json_;
  std::string where_;
  ConfigReport* report_;
  std::string readers_;  // of the Parts that live
  std::set<std::string, std::less<>> read_;
  std::vector<std::string> ignored_, unknown_;
};

// The configuration of the text model: the object "text_config" of a configuration that has one, else `config` itself.
const Json& text_part(const Json& config);

// Ids that end a generation: eos_token_id of the generation configuration, else of the configuration or its text part.
// Ids from vocab_size on, which no model of that size generates, are left out with a note in `report`, or, read
// strictly, are Error{kBadData} naming file and field.
std::vector<std::int64_t> end_token_ids(const Json& config, std::string_view config_where,
                                        const Json& generation_config, std::string_view generation_where,
                                        std::int64_t vocab_size, ConfigReport* report = nullptr);

// Sampling defaults of generation_config.json; absent fields are empty, as are ids from vocab_size on. Other values out
// of range are Error{kBadData} naming the file; keys of unsupported features (beams, watermarks, ...) are
// Error{kUnsupported} naming the key.
struct GenerationDefaults {
  std::optional<bool> do_sample = {};
  std::optional<double> temperature = {}, top_p = {}, min_p = {}, typical_p = {}, repetition_penalty = {};
  std::vector<std::vector<std::int32_t>> bad_words = {};     // bad_words_ids
  std::vector<std::pair<std::int32_t, double>> biases = {};  // sequence_bias of single ids; suppress_tokens
  std::optional<std::int64_t> top_k = {}, max_new_tokens = {};
  std::optional<std::int64_t> bos_token_id = {}, pad_token_id = {};
};
GenerationDefaults generation_defaults(const Json& generation_config, std::string_view where, std::int64_t vocab_size);

}  // namespace ttt
