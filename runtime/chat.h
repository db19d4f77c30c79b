#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "runtime/generate.h"
#include "runtime/runner.h"
#include "text/chat_template.h"
#include "text/reasoning.h"
#include "text/tokenizer.h"

namespace ttt {

struct ConversationConfig {
  // An object with further members of every request besides its messages: tools, and variables of the template.
  Json variables = {};
  std::optional<ReasoningMarks> reasoning = {};
  bool drop_oldest = false;  // make room by leaving out the oldest turns; else a prompt that is too long is refused
};

struct Reply {
  std::string content = {}, reasoning = {};
  std::vector<std::int32_t> ids = {};  // all that was generated, without the end
  StopReason reason = StopReason::kLength;
  std::int64_t prompt = 0;     // tokens of the whole conversation as the template wrote it
  std::int64_t prefilled = 0;  // of these, those that were not in the state before
  std::int64_t dropped = 0;    // messages that were left out of the conversation to make room
  double prefill_seconds = 0, generate_seconds = 0;
};

// Messages, and a sequence that holds as many of their tokens as it can: a reply runs only those that the sequence does
// not have yet. The result is the same as in a new conversation with the same messages.
class Conversation {
 public:
  // All but `config` must outlive the conversation; the runner must have room for one more sequence.
  // Error{kUnsupported} for a model that does not continue a text: an encoder, or one with a source.
  Conversation(Runner& runner, const Tokenizer& tokenizer, const ChatTemplate& chat_template,
               ConversationConfig config = {});
  ~Conversation();
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  // The messages as templates read them, {"role": "user", "content": "..."} and so on, the system's first.
  const Json::Array& messages() const { return messages_; }
  // What `ttt render` reads: {"messages": [...]} and the variables.
  Json request() const;

  void set_system(std::string_view content);  // the first message, in place of one that is there
  void add(std::string_view role, std::string_view content);
  void add(Json message);
  void reset();        // forgets all messages but the system's
  bool drop_answer();  // takes the last message away if it is the assistant's
  bool drop_user();    // takes the last message away if it is the user's

  // Answers the messages. `take` is called for every token with the text that it adds (often empty), and with empty
  // text between the chunks of a prompt; if it returns false, the reply ends there. The reply becomes a message, unless
  // it ended before its first token. Number i of a conversation draws from RandomStream(seed, i).
  //
  // Errors are those of ChatTemplate::render and of a Runner, and Error{kUsage} when the prompt leaves no room in the
  // context. After an error the messages are as they were.
  using Take = std::function<bool(std::span<const AnswerPiece>)>;
  Reply reply(const GenerateOptions& options, const Take& take);

  // The same for a caller that asks for each step: begin_reply, next_pieces until it has nothing, end_reply.
  // Error{kUsage} for begin_reply while another reply runs, and for the other two when none does. An error ends it.
  void begin_reply(const GenerateOptions& options);
  // Runs the next chunk of the prompt, which adds no text, or the next token. Nothing when the reply is complete.
  std::optional<std::vector<AnswerPiece>> next_pieces();
  // What came so far is the reply: complete, or stopped by the caller.
  Reply end_reply();
  void cancel_reply();  // as if it had not begun; nothing happens when none has
  bool replying() const { return running_ != nullptr; }

 private:
  struct Running;  // a reply that has begun
  struct Prompt {
    std::vector<std::int32_t> ids = {};
    std::string tail = {};  // the template's text after the last text from the messages
  };

  Json request_of(const Json::Array& messages) const;
  Prompt render(const Json::Array& messages) const;
  Prompt prompt_with_room(Json::Array& messages, const GenerateOptions& options) const;
  void keep_common(std::span<const std::int32_t> ids);
  void begin_text();
  void run_chunk();
  void note_rows(std::span<const std::int32_t> generated);
  std::vector<AnswerPiece> next_token();
  std::vector<AnswerPiece> flush();
  std::vector<AnswerPiece> kept(std::vector<AnswerPiece> pieces);
  void forget();

  Runner& runner_;
  const Tokenizer& tokenizer_;
  const ChatTemplate& template_;
  ConversationConfig config_;
  std::vector<std::int32_t> controls_;
  Json::Array messages_;
  Sequence sequence_;
  std::vector<std::int32_t> rows_;  // ids of the rows that the sequence holds
  std::uint64_t replies_ = 0;
  std::unique_ptr<Running> running_;
};

// Tokens with which the template ends an assistant's message, for a model whose files do not name them as ends.
// None where the template ends it with text, or does not take a question and its answer.
std::vector<std::int32_t> turn_end_ids(const ChatTemplate& chat_template, const Tokenizer& tokenizer,
                                       const Json& variables = {});

}  // namespace ttt
