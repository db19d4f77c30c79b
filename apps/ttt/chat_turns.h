#pragma once

#include <set>
#include <string>

#include "apps/ttt/lines.h"
#include "runtime/chat.h"

namespace ttt::app {

struct ChatManner {
  bool hide_reasoning = false;
  bool shows_speed = false;  // after every answer, on stderr
  bool interactive = false;  // Ctrl-C stops an answer, and what goes wrong in a turn does not end the chat
};

// Runs a user's input on a conversation: turns and commands.
class ChatTurns {
 public:
  ChatTurns(Conversation& conversation, const GenerateOptions& options, std::int64_t context, const ChatManner& manner);

  // One question. After an error it is not part of the conversation.
  void ask(const std::string& text);
  // Reads inputs to the end. Returns the exit status: 0; that of the first turn or command that failed, if the input is
  // not a terminal; or that of the signal that ended it.
  int run(Lines& lines);

 private:
  void take(const Input& input);
  void command(const std::string& text);
  void answer();
  void again();
  void system(const std::string& text);
  void save(const std::string& file);
  void report(const Reply& reply) const;

  Conversation& conversation_;
  GenerateOptions options_;
  std::int64_t context_;
  ChatManner manner_;
  bool over_ = false;
  std::string hint_;             // advice for the error that is about to be printed
  std::set<std::string> saved_;  // files that this chat has written
};

}  // namespace ttt::app
