#include "apps/ttt/chat_turns.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "apps/ttt/chat_output.h"
#include "apps/ttt/options.h"
#include "apps/ttt/signals.h"
#include "base/error.h"
#include "checkpoint/printable.h"

namespace ttt::app {
namespace {

constexpr std::array kHelp{
    "/system TEXT  sets the system message from here on; alone, shows it",
    "/reset        forgets the conversation but its system message",
    "/regen        answers the last question again (the same answer where the most likely token is taken)",
    "/save FILE    writes the conversation as JSON, which `ttt render --input FILE` reads",
    "/help         this",
    "/quit         ends, as Ctrl-D does",
    "//TEXT        sends a text that begins with a slash",
    "A line that ends in \\ goes on in the next; \"\"\" begins and ends a text of many lines. Ctrl-C stops an answer."};

std::string one_decimal(double v) {
  std::array<char, 32> digits{};
  std::snprintf(digits.data(), digits.size(), "%.1f", v);
  return digits.data();
}

void write_file(const std::string& file, const std::string& bytes) {
  FILE* to = std::fopen(file.c_str(), "wbe");
  const bool written = to != nullptr && std::fwrite(bytes.data(), 1, bytes.size(), to) == bytes.size();
  const int error = errno;
  const bool closed = to != nullptr && std::fclose(to) == 0;
  require(written && closed, ErrorKind::kIo, file, ": cannot write: ", std::strerror(written ? errno : error));
}

bool is_command(const Input& input) {
  return !input.verbatim && input.text.starts_with('/') && !input.text.starts_with("//");
}

// What is wrong with one input, after which the next may be right. An answer that cannot be written is not.
bool is_of(const Input& input, ErrorKind kind) {
  return kind == ErrorKind::kUsage || kind == ErrorKind::kBadData || kind == ErrorKind::kUnsupported ||
         (kind == ErrorKind::kIo && is_command(input));
}

}  // namespace

ChatTurns::ChatTurns(Conversation& conversation, const GenerateOptions& options, std::int64_t context,
                     const ChatManner& manner)
    : conversation_(conversation), options_(options), context_(context), manner_(manner) {}

void ChatTurns::report(const Reply& r) const {
  if (r.dropped > 0) {
    say(text("ttt: the ", r.dropped, " oldest messages were left out to make room in the context of ", context_,
             " tokens"));
  }
  if (r.reason == StopReason::kContext) {
    say(text("ttt: the answer ends where the context of ", context_, " tokens does; /reset begins a new conversation"));
  }
  if (r.reason == StopReason::kLength) say(text("ttt: the answer was cut after ", r.ids.size(), " tokens (-n)"));
  if (!manner_.shows_speed) return;
  const auto tokens = static_cast<double>(r.ids.size());
  say(text("[", r.prefilled, " tokens read in ", one_decimal(r.prefill_seconds), " s, ", r.prompt - r.prefilled,
           " kept; ", r.ids.size(), " written",
           r.ids.empty() ? "" : text(" at ", one_decimal(tokens / std::max(r.generate_seconds, 1e-9)), " tokens/s"),
           "]"));
}

void ChatTurns::answer() {
  const Graceful graceful;
  ChatOutput output(manner_.hide_reasoning);
  hint_ = "ttt: the turn is not answered; /reset begins a new conversation, and --drop-oldest leaves out old turns";
  const Reply reply = conversation_.reply(options_, [&](std::span<const AnswerPiece> pieces) {
    output.show(pieces);
    return interrupted() == 0;
  });
  hint_.clear();
  output.end();
  report(reply);
}

void ChatTurns::ask(const std::string& text) {
  conversation_.add("user", text);
  try {
    answer();
  } catch (...) {
    conversation_.drop_user();
    throw;
  }
  // Stopped before there was anything.
  if (conversation_.drop_user()) say("ttt: stopped before an answer began; the question is forgotten");
}

void ChatTurns::again() {
  const Json::Array& all = conversation_.messages();
  const Json last = all.empty() ? Json() : all.back();
  require(conversation_.drop_answer(), ErrorKind::kUsage, "/regen wanted an answer to give again, got none yet");
  const std::size_t without = all.size();
  try {
    answer();
  } catch (...) {
    conversation_.add(last);
    throw;
  }
  if (all.size() == without) {
    conversation_.add(last);
    say("ttt: stopped before an answer began; the old one stays");
  }
}

void ChatTurns::system(const std::string& text) {
  const Json::Array& all = conversation_.messages();
  const bool is_set = !all.empty() && all.front().at("role", "message") == Json("system");
  if (!text.empty()) {
    conversation_.set_system(text);
    say("ttt: the system message is set");
  } else if (is_set) {
    say("ttt: the system message is " + all.front().at("content", "message").dump());
  } else {
    say("ttt: there is no system message but what the template may bring");
  }
}

void ChatTurns::save(const std::string& file) {
  require(!file.empty(), ErrorKind::kUsage, "/save wanted a file, got none");
  std::error_code unknown;
  require(saved_.contains(file) || !std::filesystem::exists(file, unknown), ErrorKind::kUsage,
          "/save wanted a new file, but ", printable(file), " exists");
  write_file(file, conversation_.request().dump(2) + "\n");
  saved_.insert(file);
  say(text("ttt: ", conversation_.messages().size(), " messages are in ", printable(file)));
}

void ChatTurns::command(const std::string& line) {
  const std::size_t end = std::min(line.find_first_of(" \t\n"), line.size());
  const std::size_t begin = std::min(line.find_first_not_of(" \t\n", end), line.size());
  const std::string name = line.substr(0, end);
  std::string argument = line.substr(begin);
  argument.erase(argument.find_last_not_of(" \t\r\n") + 1);
  if (name == "/system") return system(argument);
  if (name == "/save") return save(argument);
  const bool known = name == "/reset" || name == "/regen" || name == "/help" || name == "/quit" || name == "/exit";
  require(known, ErrorKind::kUsage, "there is no command ", printable(name),
          "; /help lists those that there are, and //... sends a text that begins with a slash");
  require(argument.empty(), ErrorKind::kUsage, name, " wanted nothing after it, got ", printable(argument));
  if (name == "/regen") return again();
  if (name == "/quit" || name == "/exit") {
    over_ = true;
  } else if (name == "/help") {
    for (const char* line_of_help : kHelp) say(line_of_help);
  } else {
    conversation_.reset();
    say("ttt: the conversation begins anew");
  }
}

void ChatTurns::take(const Input& input) {
  if (input.text.find_first_not_of(" \t\r\n") == std::string::npos) return;
  if (is_command(input)) return command(input.text);
  const bool escaped = !input.verbatim && input.text.starts_with("//");
  ask(escaped ? input.text.substr(1) : input.text);
}

int ChatTurns::run(Lines& lines) {
  int status = 0;
  bool asked_to_stop = false;
  Input input;
  while (!over_) {
    const Got got = next_input(lines, input);
    if (got == Got::kEnd) {
      if (manner_.interactive) say("");
      break;
    }
    if (got == Got::kStopped) {
      const int by = interrupted();
      say("");
      if (by != 128 + SIGINT || asked_to_stop) return by;
      asked_to_stop = true;
      forget_interrupt();
      say("ttt: Ctrl-C once more, or Ctrl-D, ends");
      continue;
    }
    asked_to_stop = false;
    try {
      take(input);
    } catch (const Error& e) {
      if (!is_of(input, e.kind())) throw;
      say(text("ttt: error: ", e.what()));
      if (e.kind() == ErrorKind::kUsage && !hint_.empty()) say(hint_);
      hint_.clear();
      if (!manner_.interactive && status == 0) status = static_cast<int>(e.kind());
    }
    if (manner_.interactive) forget_interrupt();
    if (interrupted() != 0) return interrupted();
  }
  return status;
}

}  // namespace ttt::app
