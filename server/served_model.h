#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/config_reader.h"
#include "server/backend.h"
#include "text/chat_template.h"
#include "text/grammar/constraint_cache.h"
#include "text/reasoning.h"
#include "text/tokenizer.h"
#include "text/tool_calls.h"

namespace ttt::server {

// A chat template, and what is known of it.
struct ServedTemplate {
  std::string source = {};
  ChatTemplate chat_template;
  std::vector<std::int32_t> controls = {};  // ChatTemplate::control_ids
  std::optional<ReasoningMarks> reasoning = {};
  std::optional<ToolFormat> tools = {};
};

// What the server answers with. Constant while it is served, and used by many threads.
struct ServedModel {
  std::vector<std::string> names = {};  // the first is the one in answers; there is at least one
  std::int64_t created = 0;             // seconds since 1970
  const Tokenizer* tokenizer = nullptr;
  std::int64_t vocab = 0;    // ids that the model knows
  std::int64_t context = 0;  // rows of one sequence

  // Decoders: null where the model does not continue a text.
  Backend* backend = nullptr;
  std::optional<ServedTemplate> chat = {}, tool_chat = {};  // tool_chat: for requests with tools, where it is another
  std::string no_chat = {};                                 // why there is no template
  GenerationDefaults defaults = {};
  // Of structured output, and of calls of tools, for which the control tokens in their marks are text too. Null: not
  // possible.
  std::shared_ptr<ConstraintCache> structures = {}, tool_structures = {};
  std::string no_grammar = {};                  // why not
  std::vector<std::int32_t> end_ids = {};       // of a text
  std::vector<std::int32_t> chat_end_ids = {};  // of a turn

  // Encoders: each is empty where the model has no such output, and may be called by one thread at a time.
  std::int64_t embedding_width = 0;
  TextLimit text_limit = {};
  std::string embedding_prompt = {};                                         // prepended to every text
  std::function<std::vector<float>(std::span<const Encoding>)> embed = {};   // [texts, width]
  std::function<std::vector<double>(std::span<const Encoding>)> score = {};  // of pairs, in 0 .. 1 or as the model says

  bool known(std::string_view name) const;
};

}  // namespace ttt::server
