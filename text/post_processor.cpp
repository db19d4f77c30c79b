#include "text/post_processor.h"

#include <algorithm>
#include <string>
#include <utility>

#include "text/json_fields.h"

namespace ttt {
namespace {

// ["[SEP]", 102]
std::int64_t id_of_pair(const Json& json, std::string_view key, std::string_view where) {
  const auto& pair = json.at(key, where).as_array(text(where, " ", key));
  require(pair.size() == 2, ErrorKind::kBadData, where, " ", key, " wanted a token and its id");
  return pair[1].as_integer(text(where, " ", key));
}

std::int32_t segment_of(const Json& piece, std::string_view where) {
  if (piece.find("type_id") == nullptr) return 0;
  const std::int64_t type = integer_field(piece, "type_id", where);
  require(type >= 0 && type <= INT32_MAX, ErrorKind::kBadData, where, " type_id wanted a small number, got ", type);
  return static_cast<std::int32_t>(type);
}

PostProcessor::Template read_template(const Json& json, std::string_view key, std::string_view where) {
  const Json& tokens = json.at("special_tokens", where);
  PostProcessor::Template pieces;
  for (const Json& item : json.at(key, where).as_array(text(where, " ", key))) {
    if (const Json* sequence = item.find("Sequence")) {
      const std::string here = text(where, " ", key, ".Sequence");
      const std::string name = string_field(*sequence, "id", here);
      require(name == "A" || (name == "B" && key == "pair"), ErrorKind::kUnsupported, where, ": template ", key,
              " with a sequence ", name, " is not supported");
      pieces.push_back({.sequence = name == "A" ? 0 : 1, .type = segment_of(*sequence, here)});
      continue;
    }
    const std::string here = text(where, " ", key, ".SpecialToken");
    const Json& token = item.at("SpecialToken", here);
    const Json& ids = tokens.at(string_field(token, "id", here), text(where, " special_tokens")).at("ids", where);
    PostProcessor::Piece piece{.type = segment_of(token, here)};
    for (const Json& id : ids.as_array(text(where, " special_tokens.ids"))) {
      piece.ids.push_back(id.as_integer(text(where, " special_tokens.ids")));
    }
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

}  // namespace

void PostProcessor::set(Template single, Template pair) {
  single_ = std::move(single);
  pair_ = std::move(pair);
  has_template_ = true;
  before_.clear();
  after_.clear();
  bool seen_text = false;
  for (const Piece& piece : single_) {
    if (piece.sequence >= 0) after_.clear();
    seen_text = seen_text || piece.sequence >= 0;
    auto& ids = seen_text ? after_ : before_;
    ids.insert(ids.end(), piece.ids.begin(), piece.ids.end());
  }
}

PostProcessor PostProcessor::from_json(const Json& json, std::string_view where) {
  PostProcessor result;
  if (!json.is_null()) result.read(json, where);
  return result;
}

void PostProcessor::read(const Json& json, std::string_view where) {
  const std::string type = string_field(json, "type", where);
  if (type == "Sequence") {
    for (const Json& item : json.at("processors", where).as_array(text(where, " processors"))) read(item, where);
    return;
  }
  if (type == "ByteLevel") return;  // moves offsets only
  require(!has_template_, ErrorKind::kUnsupported, where, ": post_processor of type \"", type,
          "\" after another template is not supported");
  if (type == "TemplateProcessing") {
    Template single = read_template(json, "single", where);
    require(std::ranges::any_of(single, [](const Piece& piece) { return piece.sequence == 0; }),
            ErrorKind::kUnsupported, where, ": a template without a sequence A is not supported");
    set(std::move(single), json.find("pair") == nullptr ? pair_ : read_template(json, "pair", where));
  } else if (type == "BertProcessing") {
    const std::int64_t cls = id_of_pair(json, "cls", where), sep = id_of_pair(json, "sep", where);
    const Template single = {{.ids = {cls}}, {.sequence = 0}, {.ids = {sep}}};
    Template pair = single;
    pair.push_back({.sequence = 1, .type = 1});
    pair.push_back({.ids = {sep}, .type = 1});
    set(single, std::move(pair));
  } else if (type == "RobertaProcessing") {
    const std::int64_t cls = id_of_pair(json, "cls", where), sep = id_of_pair(json, "sep", where);
    set({{.ids = {cls}}, {.sequence = 0}, {.ids = {sep}}},
        {{.ids = {cls}}, {.sequence = 0}, {.ids = {sep}}, {.ids = {sep}}, {.sequence = 1}, {.ids = {sep}}});
  } else {
    fail(ErrorKind::kUnsupported, text(where, ": post_processor of type \"", type, "\" is not supported"));
  }
}

}  // namespace ttt
