#include "python/src/chat.h"

#include <utility>

#include "base/error.h"
#include "runtime/generation_options.h"
#include "runtime/load_chat_template.h"

namespace ttt::python {

std::shared_ptr<const PyTemplate> template_of_model(const std::string& path, const std::optional<std::string>& name,
                                                    bool with_tools) {
  const ChatTemplates found = load_chat_templates(path);
  require(!found.all.empty(), ErrorKind::kUnsupported, path, ": there is no chat template");
  const ChatTemplates::Named& chosen = found.choose(name, with_tools);
  return std::make_shared<const PyTemplate>(
      PyTemplate{chosen.source, ChatTemplate(chosen.source, chosen.where, found.special_tokens)});
}

std::shared_ptr<const PyTemplate> template_of_source(const std::string& source, const std::string& where,
                                                     const Json& special_tokens) {
  return std::make_shared<const PyTemplate>(PyTemplate{source, ChatTemplate(source, where, special_tokens)});
}

PyConversation::PyConversation(std::shared_ptr<PyModel> model, std::shared_ptr<const PyTemplate> chat_template,
                               Json variables, bool drop_oldest)
    : model_(std::move(model)), template_(std::move(chat_template)), variables_(std::move(variables)) {
  model_->compute([&] {
    lease_ = model_->decoding_runner();
    conversation_ = std::make_unique<Conversation>(
        *lease_, model_->tokenizer(), template_->chat_template,
        ConversationConfig{
            .variables = variables_, .reasoning = find_reasoning_marks(template_->source), .drop_oldest = drop_oldest});
  });
}

std::vector<std::int64_t> PyConversation::end_ids() const {
  return answer_end_ids(template_->chat_template, model_->tokenizer(), variables_);
}

void PyConversation::begin(const GenerateOptions& options) {
  model_->compute([&] { conversation_->begin_reply(options); });
}

std::optional<std::vector<AnswerPiece>> PyConversation::next() {
  return model_->compute([&] { return conversation_->next_pieces(); });
}

Reply PyConversation::end() {
  return model_->compute([&] { return conversation_->end_reply(); });
}

void PyConversation::cancel() {
  model_->compute([&] { conversation_->cancel_reply(); });
}

}  // namespace ttt::python
