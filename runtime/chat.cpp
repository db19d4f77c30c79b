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

struct Conversation::Running {
  GenerateOptions options = {};
  Json::Array messages = {};  // those that are answered
  Prompt prompt = {};
  Reply reply = {};
  std::span<const float> logits = {};
  ReasoningSplitter splitter = ReasoningSplitter();
  std::optional<StreamDecoder> decoder = {};  // once the prompt has run
  std::optional<Generation> generation = {};  // the same
  bool complete = false, flushed = false;
};

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

Conversation::~Conversation() = default;

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

void Conversation::begin_reply(const GenerateOptions& options) {
  require(!running_, ErrorKind::kUsage, "a conversation wanted the end of one reply before the next begins");
  Json::Array messages = messages_;
  Prompt prompt = prompt_with_room(messages, options);
  auto running = std::make_unique<Running>();
  running->options = options;
  running->reply.prompt = static_cast<std::int64_t>(prompt.ids.size());
  running->reply.dropped = static_cast<std::int64_t>(messages_.size() - messages.size());
  running->messages = std::move(messages);
  running->prompt = std::move(prompt);
  try {
    keep_common(running->prompt.ids);
  } catch (...) {
    forget();
    throw;
  }
  running_ = std::move(running);
}

// The prompt has run: from now on there are tokens.
void Conversation::begin_text() {
  Running& r = *running_;
  const bool in_reasoning = config_.reasoning && ends_in_reasoning(*config_.reasoning, r.prompt.tail);
  r.splitter = ReasoningSplitter(config_.reasoning, in_reasoning);
  r.decoder.emplace(tokenizer_, DecodeOptions{.skip_special = true});
  r.decoder->continue_after(r.prompt.ids);
  r.generation.emplace(runner_, sequence_, r.prompt.ids, r.logits, r.options, replies_);
}

void Conversation::run_chunk() {
  Running& r = *running_;
  const Clock::time_point begin = Clock::now();
  const std::span<const std::int32_t> rest = std::span<const std::int32_t>(r.prompt.ids).subspan(rows_.size());
  const auto next = rest.first(std::min(static_cast<std::size_t>(runner_.config().chunk), rest.size()));
  r.logits = runner_.extend(sequence_, next);
  rows_.insert(rows_.end(), next.begin(), next.end());
  r.reply.prefilled += static_cast<std::int64_t>(next.size());
  if (next.size() == rest.size()) begin_text();
  r.reply.prefill_seconds += seconds_since(begin);
}

// The pieces, which have become a part of the reply.
std::vector<AnswerPiece> Conversation::kept(std::vector<AnswerPiece> pieces) {
  Reply& reply = running_->reply;
  for (const AnswerPiece& piece : pieces) (piece.reasoning ? reply.reasoning : reply.content) += piece.text;
  return pieces;
}

// What decoder and splitter have held back.
std::vector<AnswerPiece> Conversation::flush() {
  Running& r = *running_;
  if (!r.decoder || r.flushed) return {};
  r.flushed = true;
  std::vector<AnswerPiece> pieces = r.splitter.push(r.decoder->finish());
  for (AnswerPiece& piece : r.splitter.finish()) pieces.push_back(std::move(piece));
  return kept(std::move(pieces));
}

std::vector<AnswerPiece> Conversation::next_token() {
  Running& r = *running_;
  const std::optional<SampleResult> chosen = r.generation->next();
  if (!chosen) {
    r.complete = true;
    return flush();
  }
  r.reply.ids.push_back(chosen->id);
  // A vocabulary may hold ids that are no tokens: gaps, and what pads it.
  if (!tokenizer_.is_token(chosen->id)) return {};
  std::string text = r.decoder->push(chosen->id);
  if (tokenizer_.is_special(chosen->id) && r.splitter.in_marks(tokenizer_.token_text(chosen->id))) {
    text += tokenizer_.token_text(chosen->id);
  }
  return kept(r.splitter.push(text));
}

std::optional<std::vector<AnswerPiece>> Conversation::next_pieces() {
  require(running_ != nullptr, ErrorKind::kUsage, "a conversation wanted a reply that has begun, got none");
  Running& r = *running_;
  if (r.complete) return std::nullopt;
  try {
    if (!r.generation) {
      run_chunk();
      return std::vector<AnswerPiece>{};
    }
    const Clock::time_point begin = Clock::now();
    std::vector<AnswerPiece> pieces = next_token();
    r.reply.generate_seconds += seconds_since(begin);
    if (r.complete && pieces.empty()) return std::nullopt;
    return pieces;
  } catch (...) {
    running_.reset();
    forget();
    throw;
  }
}

// Which of the tokens that were generated became rows.
void Conversation::note_rows(std::span<const std::int32_t> generated) {
  const auto fed = static_cast<std::ptrdiff_t>(sequence_.length()) - static_cast<std::ptrdiff_t>(rows_.size());
  rows_.insert(rows_.end(), generated.begin(), generated.begin() + fed);
}

void Conversation::cancel_reply() {
  if (!running_) return;
  note_rows(running_->reply.ids);
  running_.reset();
}

Reply Conversation::end_reply() {
  require(running_ != nullptr, ErrorKind::kUsage, "a conversation wanted a reply that has begun, got none");
  flush();
  const std::unique_ptr<Running> ended = std::move(running_);
  Reply reply = std::move(ended->reply);
  reply.reason = ended->generation ? ended->generation->reason() : StopReason::kCaller;
  note_rows(reply.ids);
  messages_ = std::move(ended->messages);
  if (reply.reason == StopReason::kCaller && reply.ids.empty()) return reply;
  ++replies_;
  reply.reasoning = without_blank_end(std::move(reply.reasoning));
  Json message = message_of("assistant", reply.content);
  if (!reply.reasoning.empty()) message.set("reasoning_content", reply.reasoning);
  messages_.push_back(std::move(message));
  return reply;
}

Reply Conversation::reply(const GenerateOptions& options, const Take& take) {
  begin_reply(options);
  try {
    while (running_->generation || take({})) {
      const bool in_text = running_->generation.has_value();
      const std::optional<std::vector<AnswerPiece>> pieces = next_pieces();
      if (!pieces) break;
      if (in_text && !take(*pieces)) break;
    }
    if (const std::vector<AnswerPiece> rest = flush(); !rest.empty()) take(rest);
  } catch (...) {
    running_.reset();
    forget();
    throw;
  }
  return end_reply();
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
