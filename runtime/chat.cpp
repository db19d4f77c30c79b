#include "runtime/chat.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/error.h"

namespace ttt {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

bool has_role(const Json& message, std::string_view role) {
  const Json* found = message.find("role");
  return found != nullptr && *found == Json(role);
}

Json message_of(std::string_view role, std::string_view content) {
  return Json::Object{{"role", Json(role)}, {"content", Json(content)}};
}

Json request_with(const Json& variables, const Json::Array& messages) {
  Json request(Json::Object{{"messages", Json(messages)}});
  if (!variables.is_null()) {
    for (const auto& [name, value] : variables.as_object("variables")) request.set(name, value);
  }
  return request;
}

// The oldest question with all that follows it up to the next one; false where only the last is left.
bool drop_oldest_turn(Json::Array& messages) {
  const auto is_user = [](const Json& m) { return has_role(m, "user"); };
  const auto first = std::find_if(messages.begin(), messages.end(), is_user);
  if (first == messages.end()) return false;
  const auto next = std::find_if(first + 1, messages.end(), is_user);
  if (next == messages.end()) return false;
  messages.erase(first, next);
  return true;
}

std::string without_blank_end(std::string text) {
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  return text;
}

std::string tail_of(const Rendered& rendered) {
  return rendered.input.empty() ? rendered.text : rendered.text.substr(rendered.input.back().end);
}

}  // namespace

Conversation::Conversation(Runner& runner, const Tokenizer& tokenizer, const ChatTemplate& chat_template,
                           ConversationConfig config)
    : runner_(runner),
      tokenizer_(tokenizer),
      template_(chat_template),
      config_(std::move(config)),
      controls_(chat_template.control_ids(tokenizer)) {
  const Model& model = runner.model();
  require(model.output() == OutputKind::kLogits && !model.has_encoder() && model.input_size() == 0,
          ErrorKind::kUnsupported,
          "a conversation wanted a model that continues a text of tokens, got one of another kind");
}

Json Conversation::request_of(const Json::Array& messages) const { return request_with(config_.variables, messages); }
Json Conversation::request() const { return request_of(messages_); }

void Conversation::set_system(std::string_view content) {
  if (!messages_.empty() && has_role(messages_.front(), "system")) messages_.erase(messages_.begin());
  messages_.insert(messages_.begin(), message_of("system", content));
}

void Conversation::add(std::string_view role, std::string_view content) {
  messages_.push_back(message_of(role, content));
}

void Conversation::add(Json message) { messages_.push_back(std::move(message)); }

void Conversation::reset() {
  const bool keeps_first = !messages_.empty() && has_role(messages_.front(), "system");
  messages_.resize(keeps_first ? 1 : 0);
}

bool Conversation::drop_answer() {
  if (messages_.empty() || !has_role(messages_.back(), "assistant")) return false;
  messages_.pop_back();
  return true;
}

bool Conversation::drop_user() {
  if (messages_.empty() || !has_role(messages_.back(), "user")) return false;
  messages_.pop_back();
  return true;
}

Conversation::Prompt Conversation::render(const Json::Array& messages) const {
  Json request = request_of(messages);
  request.set("add_generation_prompt", true);
  const Rendered rendered = template_.render(request);
  return {.ids = encode_rendered(tokenizer_, rendered, controls_), .tail = tail_of(rendered)};
}

// Takes turns out of `messages` where that is asked for: then a quarter of the context is made free, so that the next
// turns need not drop again at once.
Conversation::Prompt Conversation::prompt_with_room(Json::Array& messages, const GenerateOptions& options) const {
  const std::int64_t context = runner_.config().context;
  const std::int64_t room = std::max<std::int64_t>(1, std::min(options.max_new_tokens, context / 4));
  Prompt prompt = render(messages);
  const auto length = [&] { return static_cast<std::int64_t>(prompt.ids.size()); };
  // The last token of an answer needs no row.
  while (config_.drop_oldest && length() + room - 1 > context && drop_oldest_turn(messages)) prompt = render(messages);
  require(length() > 0, ErrorKind::kBadData, "the chat template wanted at least one token, wrote none");
  require(length() <= context, ErrorKind::kUsage, "the conversation wanted at most ", context,
          " tokens (the context), got ", length());
  return prompt;
}

void Conversation::forget() {
  sequence_ = Sequence();
  rows_.clear();
}

// Leaves in the sequence the rows of the longest common begin with `ids`, but not of all of them: the last token has to
// run for its output. Where a window has given up rows that are seen again, none.
void Conversation::keep_common(std::span<const std::int32_t> ids) {
  if (!sequence_) sequence_ = runner_.create();
  const auto differs = std::ranges::mismatch(rows_, ids.first(ids.size() - 1)).in1;
  std::int64_t common = differs - rows_.begin();
  if (!sequence_.can_truncate(common)) common = 0;
  sequence_.truncate(common);
  rows_.resize(static_cast<std::size_t>(common));
}

// Nothing when `take` ends it.
std::optional<std::span<const float>> Conversation::prefill(std::span<const std::int32_t> ids, const Take& take) {
  const auto chunk = static_cast<std::size_t>(runner_.config().chunk);
  std::span<const float> logits;
  while (rows_.size() < ids.size()) {
    if (!take({})) return std::nullopt;
    const auto next = ids.subspan(rows_.size(), std::min(chunk, ids.size() - rows_.size()));
    logits = runner_.extend(sequence_, next);
    rows_.insert(rows_.end(), next.begin(), next.end());
  }
  return logits;
}

void Conversation::continue_reply(Reply& reply, const Prompt& prompt, std::span<const float> logits,
                                  const GenerateOptions& options, const Take& take) {
  const bool in_reasoning = config_.reasoning && ends_in_reasoning(*config_.reasoning, prompt.tail);
  ReasoningSplitter splitter(config_.reasoning, in_reasoning);
  StreamDecoder decoder(tokenizer_, {.skip_special = true});
  decoder.continue_after(prompt.ids);
  const auto keep = [&](const std::vector<AnswerPiece>& pieces) {
    for (const AnswerPiece& piece : pieces) (piece.reasoning ? reply.reasoning : reply.content) += piece.text;
  };
  Generated result = continue_sequence(runner_, sequence_, prompt.ids, logits, options, replies_, [&](std::int32_t id) {
    std::vector<AnswerPiece> pieces;
    // A vocabulary may hold ids that are no tokens: gaps, and what pads it.
    if (tokenizer_.is_token(id)) {
      std::string text = decoder.push(id);
      if (tokenizer_.is_special(id) && splitter.in_marks(tokenizer_.token_text(id))) text += tokenizer_.token_text(id);
      pieces = splitter.push(text);
    }
    keep(pieces);
    return take(pieces);
  });
  for (const std::vector<AnswerPiece>& pieces : {splitter.push(decoder.finish()), splitter.finish()}) {
    keep(pieces);
    if (!pieces.empty()) take(pieces);
  }
  reply.ids = std::move(result.ids);
  reply.reason = result.reason;
  const auto fed = static_cast<std::ptrdiff_t>(sequence_.length()) - static_cast<std::ptrdiff_t>(rows_.size());
  rows_.insert(rows_.end(), reply.ids.begin(), reply.ids.begin() + fed);
}

Reply Conversation::reply(const GenerateOptions& options, const Take& take) {
  Json::Array messages = messages_;
  const Prompt prompt = prompt_with_room(messages, options);
  Reply reply{.prompt = static_cast<std::int64_t>(prompt.ids.size()),
              .dropped = static_cast<std::int64_t>(messages_.size() - messages.size())};
  try {
    keep_common(prompt.ids);
    const std::size_t kept = rows_.size();
    const Clock::time_point begin = Clock::now();
    const std::optional<std::span<const float>> logits = prefill(prompt.ids, take);
    reply.prefilled = static_cast<std::int64_t>(rows_.size() - kept);
    reply.prefill_seconds = seconds_since(begin);
    if (logits) {
      const Clock::time_point second = Clock::now();
      continue_reply(reply, prompt, *logits, options, take);
      reply.generate_seconds = seconds_since(second);
    } else {
      reply.reason = StopReason::kCaller;
    }
  } catch (...) {
    forget();
    throw;
  }
  messages_ = std::move(messages);
  if (reply.reason == StopReason::kCaller && reply.ids.empty()) return reply;
  ++replies_;
  reply.reasoning = without_blank_end(std::move(reply.reasoning));
  Json message = message_of("assistant", reply.content);
  if (!reply.reasoning.empty()) message.set("reasoning_content", reply.reasoning);
  messages_.push_back(std::move(message));
  return reply;
}

std::vector<std::int32_t> turn_end_ids(const ChatTemplate& chat_template, const Tokenizer& tokenizer,
                                       const Json& variables) {
  std::string tail;
  try {
    const Json::Array turn{message_of("user", "a"), message_of("assistant", "b")};
    tail = tail_of(chat_template.render(request_with(variables, turn)));
  } catch (const Error&) {
    return {};  // a template that takes no such conversation
  }
  const std::vector<std::int32_t> controls = chat_template.control_ids(tokenizer);
  for (const std::int32_t id : tokenizer.encode(tail, {.add_special = false})) {
    if (tokenizer.is_special(id) || std::ranges::binary_search(controls, id)) return {id};
    const std::string word = tokenizer.decode(std::vector<std::int32_t>{id});
    if (word.find_first_not_of(" \t\r\n") != std::string::npos) return {};
  }
  return {};
}

}  // namespace ttt
