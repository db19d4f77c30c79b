#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "python/src/model.h"
#include "runtime/chat.h"
#include "text/chat_template.h"

namespace ttt::python {

// A template with the text that it was made from.
struct PyTemplate {
  std::string source;
  ChatTemplate chat_template;
};

// Of a model's directory or file. Error{kUnsupported} where there is none.
std::shared_ptr<const PyTemplate> template_of_model(const std::string& path, const std::optional<std::string>& name,
                                                    bool with_tools);
std::shared_ptr<const PyTemplate> template_of_source(const std::string& source, const std::string& where,
                                                     const Json& special_tokens);

// A conversation with the runner that keeps its rows.
class PyConversation {
 public:
  PyConversation(std::shared_ptr<PyModel> model, std::shared_ptr<const PyTemplate> chat_template, Json variables,
                 bool drop_oldest);

  Conversation& conversation() { return *conversation_; }
  // Ids that end an answer besides those of the model's files.
  std::vector<std::int64_t> end_ids() const;
  void begin(const GenerateOptions& options);
  std::optional<std::vector<AnswerPiece>> next();
  Reply end();
  void cancel();

 private:
  std::shared_ptr<PyModel> model_;
  std::shared_ptr<const PyTemplate> template_;
  Json variables_;
  Lease lease_;
  std::unique_ptr<Conversation> conversation_;
};

}  // namespace ttt::python
