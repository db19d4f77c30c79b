#include "text/post_processor.h"

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

}  // namespace

void PostProcessor::set(std::vector<std::int64_t> before, std::vector<std::int64_t> after) {
  before_ = std::move(before);
  after_ = std::move(after);
  has_template_ = true;
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
    read_template(json, where);
  } else if (type == "BertProcessing" || type == "RobertaProcessing") {
    set({id_of_pair(json, "cls", where)}, {id_of_pair(json, "sep", where)});
  } else {
    fail(ErrorKind::kUnsupported, text(where, ": post_processor of type \"", type, "\" is not supported"));
  }
}

void PostProcessor::read_template(const Json& json, std::string_view where) {
  const Json& tokens = json.at("special_tokens", where);
  bool seen_text = false;
  for (const Json& item : json.at("single", where).as_array(text(where, " single"))) {
    if (const Json* sequence = item.find("Sequence")) {
      const std::string name = string_field(*sequence, "id", text(where, " single.Sequence"));
      require(name == "A" && !seen_text, ErrorKind::kUnsupported, where,
              ": a template with other than one sequence A is not supported");
      seen_text = true;
      continue;
    }
    const std::string here = text(where, " single.SpecialToken");
    const std::string name = string_field(item.at("SpecialToken", here), "id", here);
    const Json& ids = tokens.at(name, text(where, " special_tokens")).at("ids", where);
    for (const Json& id : ids.as_array(text(where, " special_tokens.ids"))) {
      (seen_text ? after_ : before_).push_back(id.as_integer(text(where, " special_tokens.ids")));
    }
  }
  require(seen_text, ErrorKind::kUnsupported, where, ": a template with other than one sequence A is not supported");
  has_template_ = true;
}

}  // namespace ttt
