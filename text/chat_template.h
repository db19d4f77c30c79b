#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/template/template.h"
#include "text/tokenizer.h"

namespace ttt {

// The templates of a checkpoint, and the special tokens that they see besides the request.
struct ChatTemplates {
  struct Named {
    std::string name = {};  // "default" is used where no name is given
    std::string where = {};
    std::string source = {};
  };
  std::string where = {};  // the checkpoint
  std::vector<Named> all = {};
  Json special_tokens = {};  // an object: "bos_token" and so on

  // The one of that name; without a name "tool_use" where there are tools and such a template, else "default". Error
  // naming the existing ones: kUsage if there is none of that name, kBadData if there is none to use.
  const Named& choose(const std::optional<std::string>& name, bool with_tools) const;
};

// The "chat_template" of a tokenizer_config.json: a string, or a list of {"name", "template"}.
std::vector<ChatTemplates::Named> read_chat_templates(const Json& value, const std::string& where);

// A chat template with the preparation of the request by the apply_chat_template of transformers.
class ChatTemplate {
 public:
  // Errors are those of Template::parse. `special_tokens`: an object whose members every template sees.
  ChatTemplate(std::string_view source, std::string where, Json special_tokens = {}, const TemplateLimits& limits = {});

  // `request`: {"messages": [...], "tools": [...], "documents": [...], "add_generation_prompt": bool, ...}, every other
  // member being a variable of the template. As in transformers members of messages that are null are left out, the
  // names for reasoning (reasoning_content, thinking, reasoning) are filled from each other, tools and documents that
  // are absent are none, and add_generation_prompt is false. Error{kBadData} for a request of another shape, and as
  // Template::render throws; Error{kUnsupported} for continue_final_message.
  Rendered render(const Json& request, const RenderOptions& options = {}) const;

  // Ids of the control tokens, which no input may become: those that occur in the template, and the special ones.
  // Sorted; compute them once for a tokenizer.
  std::vector<std::int32_t> control_ids(const Tokenizer& tokenizer) const;

 private:
  std::string where_;
  Json special_tokens_;
  Template template_;
  std::string literals_;
};

// Ids of a rendered prompt. Begin and end tokens come from the template: none are added. Text of the request never
// becomes a control token, and neither does a spelling that the template and the request form together.
std::vector<std::int32_t> encode_rendered(const Tokenizer& tokenizer, const Rendered& rendered,
                                          std::span<const std::int32_t> control_ids = {});

}  // namespace ttt
