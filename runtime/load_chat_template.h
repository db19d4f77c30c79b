#pragma once

#include <filesystem>

#include "text/chat_template.h"

namespace ttt {

// The chat templates of a Hugging Face directory, found as transformers finds them: chat_template.jinja and
// additional_chat_templates/NAME.jinja, or, where there are no such files, chat_template in tokenizer_config.json; with
// the named tokens of tokenizer_config.json and special_tokens_map.json. Of a GGUF file: tokenizer.chat_template,
// tokenizer.chat_template.NAME and the tokens that tokenizer.ggml.*_token_id name. Neither weights nor a configuration
// are looked at. There may be no template at all.
ChatTemplates load_chat_templates(const std::filesystem::path& path);

}  // namespace ttt
