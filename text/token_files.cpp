#include "text/token_files.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "text/json_fields.h"

namespace ttt {
namespace {

// Properties as the library serialises them; what is not said follows from `special`.
AddedToken token_of(const Json& json, bool special, std::string_view where) {
  AddedToken token;
  token.content = string_field(json, "content", where);
  token.special = special;
  token.single_word = bool_field(json, "single_word", false, where);
  token.lstrip = bool_field(json, "lstrip", false, where);
  token.rstrip = bool_field(json, "rstrip", false, where);
  token.normalized = bool_field(json, "normalized", !special, where);
  return token;
}

bool same(const AddedToken& a, const AddedToken& b) {
  return a.content == b.content && a.single_word == b.single_word && a.lstrip == b.lstrip && a.rstrip == b.rstrip &&
         a.normalized == b.normalized && a.special == b.special;
}

// A token that a file names by its text alone has no properties of its own.
struct Named {
  AddedToken token = {};
  bool bare = true;
};

constexpr std::array<std::string_view, 7> kAttributes = {"bos_token", "eos_token", "unk_token", "sep_token",
                                                         "pad_token", "cls_token", "mask_token"};

bool is_attribute(std::string_view key) { return std::ranges::find(kAttributes, key) != kAttributes.end(); }

class Beside {
 public:
  Beside(const TokenizerFiles& files, AddedVocabulary& vocabulary, std::string_view where)
      : files_(files), vocabulary_(vocabulary), where_(where) {}

  NamedTokens add() {
    read_config();
    if (extra_.empty() && additional_) extra_given_ = false;
    take_additional();
    if (!decoder_given_) {
      read_special_tokens_map();
      read_added_tokens();
    }
    take_additional();
    take_properties();
    add_all();
    NamedTokens names;
    for (const auto& [key, named] : named_) names.emplace(key.substr(0, key.rfind("_token")), named.token.content);
    return names;
  }

 private:
  std::string in(std::string_view file, std::string_view key) const { return text(where_, ": ", file, " ", key); }

  // "text", or an object: {"__type": "AddedToken", "content": ...}, or, in special_tokens_map.json, the same without
  // the type and special whatever it says.
  static std::optional<Named> named_of(const Json& value, const std::string& where) {
    if (value.is_null()) return std::nullopt;
    if (value.is_object()) {
      const bool special = value.find("__type") == nullptr || bool_field(value, "special", false, where);
      return Named{token_of(value, special, where), false};
    }
    AddedToken token;
    token.content = value.as_string(where);
    token.special = true;
    return Named{std::move(token), true};
  }

  void set_named(std::string_view key, Named named) {
    if (named.token.content.empty()) return;
    for (auto& [known, old] : named_) {
      if (known != key) continue;
      old = std::move(named);
      return;
    }
    named_.emplace_back(key, std::move(named));
  }

  // A list of tokens, or, for extra_special_tokens, an object of named ones.
  void read_list(const Json& value, std::string_view key, const std::string& where, std::vector<Named>& list) {
    if (value.is_null()) return;
    if (key == "extra_special_tokens" && value.is_object()) {
      for (const auto& [name, token] : value.as_object(where)) {
        if (auto named = named_of(token, where)) set_named(name, std::move(*named));
      }
      return;
    }
    for (const Json& item : value.as_array(where)) {
      auto named = named_of(item, where);
      if (!named || named->token.content.empty()) continue;
      const bool known =
          std::ranges::any_of(list, [&](const Named& other) { return other.token.content == named->token.content; });
      if (!known) list.push_back(std::move(*named));
    }
  }

  void read_member(std::string_view key, const Json& value, std::string_view file, bool objects) {
    const std::string here = in(file, key);
    if (key == "additional_special_tokens") {
      additional_.emplace();
      read_list(value, key, here, *additional_);
    } else if (key == "extra_special_tokens") {
      read_list(value, key, here, extra_);
      extra_given_ = !value.is_object();
    } else if (is_attribute(key)) {
      if (auto named = named_of(value, here)) set_named(key, std::move(*named));
    } else if (key.ends_with("_token") && (value.is_string() || (objects && value.is_object()))) {
      set_named(key, *named_of(value, here));
    }
  }

  void read_config() {
    // These come first and in this order, whatever the file's is.
    for (const std::string_view key : kAttributes) named_.emplace_back(key, Named{});
    if (files_.config != nullptr) {
      const std::string here = text(where_, ": tokenizer_config");
      for (const auto& [key, value] : files_.config->as_object(here)) {
        if (key == "added_tokens_decoder") {
          read_decoder(value);
        } else {
          read_member(key, value, "tokenizer_config", false);
        }
      }
    }
  }

  // The list has two names; the old one counts where the new one is not there.
  void take_additional() {
    if (!additional_ || extra_given_) return;
    extra_ = std::move(*additional_);
    additional_.reset();
    extra_given_ = true;
  }

  void read_decoder(const Json& value) {
    const std::string here = in("tokenizer_config", "added_tokens_decoder");
    decoder_given_ = true;
    for (const auto& [key, token] : value.as_object(here)) {
      std::int64_t id = 0;
      const auto read = std::from_chars(key.data(), key.data() + key.size(), id);
      require(read.ec == std::errc{} && read.ptr == key.data() + key.size(), ErrorKind::kBadData, here,
              ": wanted an id, got \"", key.substr(0, 100), "\"");
      decoder_.emplace_back(id, token_of(token, bool_field(token, "special", false, here), here));
    }
  }

  void read_special_tokens_map() {
    if (files_.special_tokens_map == nullptr) return;
    const std::string here = text(where_, ": special_tokens_map");
    for (const auto& [key, value] : files_.special_tokens_map->as_object(here)) {
      read_member(key, value, "special_tokens_map", true);
    }
  }

  void read_added_tokens() {
    if (files_.added_tokens == nullptr) return;
    const std::string here = text(where_, ": added_tokens.json");
    for (const auto& [content, id] : files_.added_tokens->as_object(here)) {
      AddedToken token;
      token.content = content;
      token.special =
          std::ranges::any_of(named_,
                              [&, &content = content](const auto& n) {
                                return is_attribute(n.first) && n.second.token.content == content;
                              }) ||
          std::ranges::any_of(extra_, [&content = content](const Named& n) { return n.token.content == content; });
      token.normalized = !token.special;
      decoder_.emplace_back(id.as_integer(here), std::move(token));
    }
    // Under the same id the tokenizer.json has the last word.
    for (auto& [id, token] : decoder_) {
      const auto known = vocabulary_.tokens().find(static_cast<std::int32_t>(id));
      if (id >= 0 && id <= Vocabulary::kLargestId && known != vocabulary_.tokens().end()) token = known->second;
    }
  }

  // A named token that is added elsewhere has the properties that it has there.
  void take_properties() {
    std::erase_if(named_, [](const auto& n) { return n.second.token.content.empty(); });
    for (auto& [key, named] : named_) {
      if (!is_attribute(key)) continue;
      const auto added = std::ranges::find_if(
          decoder_, [&, &content = named.token.content](const auto& d) { return d.second.content == content; });
      if (added != decoder_.end()) named = {added->second, false};
    }
  }

  void add_all() {
    std::stable_sort(decoder_.begin(), decoder_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<AddedToken> tokens;
    const auto is_named = [&](const std::string& content) {
      return std::ranges::any_of(named_, [&](const auto& n) { return n.second.token.content == content; });
    };
    for (const auto& [id, token] : decoder_) {
      const bool there =
          std::ranges::any_of(vocabulary_.tokens(), [&token = token](const auto& t) { return same(t.second, token); });
      if (there || token.content.empty()) continue;
      tokens.push_back(token);
      tokens.back().special = token.special || is_named(token.content);
    }
    // A token named twice is added twice, the last properties counting, unless both times are alike.
    const std::size_t decoded = tokens.size();
    std::vector<Named> wanted;
    const auto want = [&](const Named& named) {
      const bool known = vocabulary_.has(named.token.content) ||
                         std::any_of(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(decoded),
                                     [&](const AddedToken& t) { return t.content == named.token.content; }) ||
                         std::ranges::any_of(wanted, [&](const Named& w) {
                           return w.bare == named.bare && same(w.token, named.token);
                         });
      if (!known) wanted.push_back(named);
    };
    for (const auto& [key, named] : named_) want(named);
    for (const Named& extra : extra_) want(extra);
    for (Named& named : wanted) {
      named.token.special = named.token.special || is_named(named.token.content);
      tokens.push_back(std::move(named.token));
    }
    for (AddedToken& token : tokens) vocabulary_.add(std::move(token));
  }

  const TokenizerFiles& files_;
  AddedVocabulary& vocabulary_;
  std::string where_;
  std::vector<std::pair<std::string, Named>> named_;
  std::vector<Named> extra_;
  std::optional<std::vector<Named>> additional_;
  std::vector<std::pair<std::int64_t, AddedToken>> decoder_;
  bool decoder_given_ = false, extra_given_ = false;
};

}  // namespace

NamedTokens add_tokens_beside(const TokenizerFiles& files, AddedVocabulary& vocabulary, std::string_view where) {
  return Beside(files, vocabulary, where).add();
}

NamedTokens named_tokens(const TokenizerFiles& files, std::string_view where) {
  const Vocabulary none;
  AddedVocabulary added(none);
  return add_tokens_beside(files, added, where);
}

void AddedVocabulary::keep(AddedToken token) {
  const std::int32_t id = token.id;
  if (!model_.find(token.content)) next_ = std::max(next_, std::int64_t{id} + 1);
  ids_[token.content] = id;
  tokens_.insert_or_assign(id, std::move(token));
}

void AddedVocabulary::read(const Json& list, std::string_view where) {
  if (list.is_null()) return;
  for (const Json& item : list.as_array(where)) {
    AddedToken token = token_of(item, bool_field(item, "special", false, where), where);
    token.normalized = bool_field(item, "normalized", true, where);
    const std::string_view shown = std::string_view(token.content).substr(0, 100);
    const std::int64_t id = integer_field(item, "id", where);
    require(id >= 0 && id <= Vocabulary::kLargestId, ErrorKind::kBadData, where, ": token \"", shown,
            "\" wanted an id from 0 to ", Vocabulary::kLargestId, ", got ", id);
    token.id = static_cast<std::int32_t>(id);
    require(!has(token.content), ErrorKind::kBadData, where, ": token \"", shown, "\" is there twice");
    const auto taken = tokens_.find(token.id);
    const std::string* other = taken != tokens_.end() ? &taken->second.content : model_.text_of(id);
    const auto known = model_.find(token.content);
    require(!known || *known == id, ErrorKind::kBadData, where, ": token \"", shown, "\" has id ", id, " but ",
            known.value_or(-1), " in the vocabulary");
    require(known || other == nullptr, ErrorKind::kBadData, where, ": id ", id, " belongs to \"",
            other == nullptr ? std::string() : other->substr(0, 100), "\" and to \"", shown, "\"");
    keep(std::move(token));
  }
}

void AddedVocabulary::add(AddedToken token) {
  const auto added = ids_.find(token.content);
  if (added != ids_.end()) {
    token.id = added->second;
    token.special = token.special || tokens_.at(token.id).special;
  } else {
    const auto known = model_.find(token.content);
    token.id = known ? *known : static_cast<std::int32_t>(std::min(next_, Vocabulary::kLargestId));
  }
  keep(std::move(token));
}

}  // namespace ttt
