#include "runtime/chat.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "runtime/load_chat_template.h"
#include "runtime/load_tokenizer.h"
#include "support/model.h"
#include "support/real_model.h"
#include "support/tiny_model.h"

namespace ttt {
namespace {

using support::TestModel;
using Ids = std::vector<std::int32_t>;
namespace fs = std::filesystem;

// Ids of tests/golden/tokenizers/llama3, and of two tokens that are added to it.
constexpr std::int64_t kVocab = 904;
constexpr std::int32_t kEndOfTurn = 901, kThink = 902, kThought = 903;
constexpr std::int32_t kColon = 25, kX = 87, kQ = 80, kZ = 89;

constexpr const char* kTemplate =
    "{{ bos_token }}{% for m in messages %}{{ m.role + ':' + m.content }}<|eot_id|>\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}";

// Gives answers back otherwise than they came.
constexpr const char* kOtherwise =
    "{% for m in messages %}{{ m.role + ': ' + (m.content | trim | upper) + '\n' }}{% endfor %}assistant:";

// A conversation with a model, its tokenizer and its template, in a runner of its own.
class Talk {
 public:
  Talk(const fs::path& model, const std::string& source, std::int64_t context, ConversationConfig config = {},
       std::int64_t chunk = 16, LoadOptions load = {})
      : model_(model, std::move(load), context),
        tokenizer_(load_tokenizer(*model_.loaded().checkpoint)),
        template_(source, "template", Json::Object{{"bos_token", Json("<|begin_of_text|>")}}),
        runner_(model_.runner(chunk, 1)) {
    options.end_ids = {kEndOfTurn};
    conversation = std::make_unique<Conversation>(runner_, tokenizer_, template_, std::move(config));
  }

  Reply ask(const std::string& question) {
    conversation->add("user", question);
    return answer();
  }
  Reply answer() {
    return conversation->reply(options, [](std::span<const AnswerPiece>) { return true; });
  }
  const Tokenizer& tokenizer() const { return tokenizer_; }
  const ChatTemplate& chat_template() const { return template_; }

  GenerateOptions options = {.max_new_tokens = 12};

 private:
  TestModel model_;
  Tokenizer tokenizer_;
  ChatTemplate template_;
  Runner runner_;

 public:
  std::unique_ptr<Conversation> conversation;  // goes before what it refers to
};

class ConversationTest : public testing::Test {
 protected:
  void add_tokenizer() const {
    const fs::path from = fs::path(TTT_SOURCE_DIR) / "tests/golden/tokenizers/llama3/tokenizer.json";
    Json tokenizer = Json::parse(support::read_file(from), from.string());
    Json added = tokenizer.at("added_tokens", "");
    for (const auto& [id, content] : {std::pair{kThink, "<think>"}, {kThought, "</think>"}}) {
      Json token = added.as_array("")[0];
      token.set("id", std::int64_t{id});
      token.set("content", content);
      token.set("special", false);
      added.push(token);
    }
    tokenizer.set("added_tokens", added);
    support::write_file(model() / "tokenizer.json", tokenizer.dump());
  }
  fs::path model() const { return directory_.path(); }
  void chain(const Ids& ids) const {
    support::write_chain_checkpoint(model(), support::tiny_config(kVocab), ids);
    add_tokenizer();
  }
  void random(const Json& config = support::tiny_config(kVocab)) const {
    support::write_random_checkpoint(model(), config, {});
    add_tokenizer();
  }
  // What a conversation that begins anew with the same messages answers.
  Reply anew(const Json::Array& messages, const std::string& source, std::int64_t context, const Talk& like) const {
    Talk fresh(model(), source, context);
    fresh.options = like.options;
    for (const Json& m : messages) fresh.conversation->add(m);
    return fresh.answer();
  }
  // Questions one after another: each answer is that of a conversation which begins anew. Returns the number of rows
  // that were kept for each.
  std::vector<std::int64_t> expect_as_anew(const std::string& source, std::int64_t context) const {
    std::vector<std::int64_t> kept;
    Talk talk(model(), source, context);
    for (const char* question : {"one", "two and three", "  four\n", "five <|eot_id|> six"}) {
      talk.conversation->add("user", question);
      const Json::Array messages = talk.conversation->messages();
      const Reply here = talk.answer(), there = anew(messages, source, context, talk);
      EXPECT_EQ(here.ids, there.ids) << question;
      EXPECT_EQ(here.content, there.content);
      EXPECT_EQ(here.prompt, there.prompt);
      EXPECT_EQ(there.prefilled, there.prompt);
      kept.push_back(here.prompt - here.prefilled);
    }
    return kept;
  }
  static std::string error(Talk& talk, const std::string& question) {
    try {
      talk.ask(question);
    } catch (const Error& e) {
      return e.what();
    }
    return {};
  }

  support::TemporaryDirectory directory_;
};

TEST_F(ConversationTest, ATurnReadsOnlyWhatIsNew) {
  chain({kColon, kX, kQ, kZ, kEndOfTurn});
  Talk talk(model(), kTemplate, 200);
  const Reply first = talk.ask("one");
  EXPECT_EQ(first.content, "xqz");
  EXPECT_EQ(first.ids, (Ids{kX, kQ, kZ}));
  EXPECT_EQ(first.reason, StopReason::kEnd);
  EXPECT_EQ(first.prefilled, first.prompt);

  // The question, the first prompt and the answer are rows by now; the end of the turn never became one.
  const Reply second = talk.ask("two");
  EXPECT_EQ(second.content, "xqz");
  const auto count = [&](const std::string& text) {
    return static_cast<std::int64_t>(talk.tokenizer().encode(text, {.add_special = false}).size());
  };
  EXPECT_EQ(second.prompt - second.prefilled, first.prompt + 3);
  EXPECT_EQ(second.prefilled, count("<|eot_id|>\nuser:two<|eot_id|>\nassistant:"));

  // The same question again: all is there, but the last token has to run.
  ASSERT_TRUE(talk.conversation->drop_answer());
  const Reply again = talk.answer();
  EXPECT_EQ(again.ids, second.ids);
  EXPECT_EQ(again.prompt, second.prompt);
  EXPECT_EQ(again.prefilled, 1);
  EXPECT_EQ(talk.conversation->messages().size(), 4u);

  talk.conversation->set_system("s");
  EXPECT_GT(talk.ask("three").prefilled, second.prefilled);  // all but the begin token is another
  talk.conversation->reset();
  ASSERT_EQ(talk.conversation->messages().size(), 1u);
  EXPECT_EQ(talk.conversation->messages()[0].at("content", ""), Json("s"));
}

TEST_F(ConversationTest, AnswersAreThoseOfAConversationThatBeginsAnew) {
  random();
  for (const char* source : {kTemplate, kOtherwise}) {
    const std::vector<std::int64_t> kept = expect_as_anew(source, 400);
    EXPECT_EQ(kept[0], 0);
    for (std::size_t i = 1; i < kept.size(); ++i) EXPECT_GT(kept[i], kept[i - 1]);
  }
}

TEST_F(ConversationTest, AWindowThatHasGivenUpRowsBeginsAnew) {
  Json config = support::tiny_config(kVocab);
  config.set("model_type", "mistral");
  config.set("architectures", Json::Array{Json("MistralForCausalLM")});
  config.set("sliding_window", 8);
  random(config);
  expect_as_anew(kTemplate, 400);
  const std::vector<std::int64_t> kept = expect_as_anew(kOtherwise, 400);
  EXPECT_GT(std::count(kept.begin() + 1, kept.end(), 0), 0);
}

TEST_F(ConversationTest, ReasoningIsApart) {
  chain({kColon, kThink, kQ, kThought, kX, kZ, kEndOfTurn});
  const std::string source = std::string(kTemplate) + "{# </think> #}";
  Talk talk(model(), source, 200, {.reasoning = find_reasoning_marks(source)});
  talk.conversation->add("user", "one");
  std::vector<AnswerPiece> seen;
  const Reply reply = talk.conversation->reply(talk.options, [&](std::span<const AnswerPiece> pieces) {
    seen.insert(seen.end(), pieces.begin(), pieces.end());
    return true;
  });
  EXPECT_EQ(reply.content, "xz");
  EXPECT_EQ(reply.reasoning, "q");
  EXPECT_EQ(reply.ids, (Ids{kThink, kQ, kThought, kX, kZ}));
  EXPECT_EQ(seen, (std::vector<AnswerPiece>{{true, "q"}, {false, "x"}, {false, "z"}}));
  EXPECT_EQ(talk.conversation->messages().back().dump(),
            R"({"role": "assistant", "content": "xz", "reasoning_content": "q"})");

  // The template has opened the reasoning itself.
  chain({kThink, kQ, kThought, kX, kEndOfTurn});
  const std::string opens = "{{ messages[-1].content }}<think>";
  Talk within(model(), opens, 200, {.reasoning = ReasoningMarks{.open = "<think>", .close = "</think>"}});
  const Reply thought = within.ask("</think>");
  EXPECT_EQ(thought.reasoning, "q");
  EXPECT_EQ(thought.content, "x");
  Talk plain(model(), opens, 200);
  EXPECT_EQ(plain.ask("a").content, "q</think>x");
}

TEST_F(ConversationTest, VariablesReachTheTemplate) {
  chain({kColon, kX, kEndOfTurn});
  Talk talk(model(), "{{ messages[-1].content }}{{ enable_thinking }}:", 100,
            {.variables = Json::Object{{"enable_thinking", Json(false)}}});
  const Reply reply = talk.ask("a");
  EXPECT_EQ(reply.prompt, static_cast<std::int64_t>(talk.tokenizer().encode("aFalse:", {.add_special = false}).size()));
  EXPECT_EQ(talk.conversation->request().dump(),
            R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "x"}], )"
            R"("enable_thinking": false})");
}

TEST_F(ConversationTest, ACallerStopsAnAnswerAndAPrompt) {
  chain({kColon, kX, kQ, kZ, kEndOfTurn});
  Talk talk(model(), kTemplate, 200, {}, 4);
  talk.conversation->add("user", "one");
  int calls = 0;
  const Reply stopped = talk.conversation->reply(talk.options, [&](std::span<const AnswerPiece> pieces) {
    calls += pieces.empty() ? 0 : 1;
    return calls < 2;
  });
  EXPECT_EQ(stopped.reason, StopReason::kCaller);
  EXPECT_EQ(stopped.content, "xq");
  ASSERT_EQ(talk.conversation->messages().size(), 2u);
  EXPECT_EQ(talk.conversation->messages()[1].at("content", ""), Json("xq"));
  const Json::Array with_two = [&] {
    talk.conversation->add("user", "two");
    return talk.conversation->messages();
  }();
  // Between the chunks of its prompt.
  int chunks = 0;
  const std::int64_t kept = stopped.prompt + 1;  // of the two tokens of the answer the second never ran
  const Reply before =
      talk.conversation->reply(talk.options, [&](std::span<const AnswerPiece>) { return ++chunks < 3; });
  EXPECT_EQ(before.reason, StopReason::kCaller);
  EXPECT_EQ(before.prefilled, 8);
  EXPECT_TRUE(before.ids.empty());
  EXPECT_EQ(talk.conversation->messages(), with_two);
  const Reply at_last = talk.answer();
  EXPECT_EQ(at_last.content, "xqz");
  // What was read before it was stopped is not read again.
  EXPECT_EQ(at_last.prompt - at_last.prefilled, kept + 8);
}

TEST_F(ConversationTest, ACallerAsksForEachStep) {
  chain({kColon, kX, kQ, kZ, kEndOfTurn});
  Talk talk(model(), kTemplate, 200, {}, 4);
  Conversation& c = *talk.conversation;
  const auto wanted = [&](const Json::Array& messages) { return anew(messages, kTemplate, 200, talk); };
  c.add("user", "one");
  const Reply whole = wanted(c.messages());
  c.begin_reply(talk.options);
  EXPECT_THROW(c.begin_reply(talk.options), Error);
  std::string text;
  std::int64_t steps = 0;
  while (const auto pieces = c.next_pieces()) {
    ++steps;
    for (const AnswerPiece& piece : *pieces) text += piece.text;
  }
  const Reply reply = c.end_reply();
  EXPECT_EQ(text, whole.content);
  EXPECT_EQ(reply.content, whole.content);
  EXPECT_EQ(reply.ids, whole.ids);
  EXPECT_EQ(reply.reason, StopReason::kEnd);
  EXPECT_EQ(steps, (reply.prompt + 3) / 4 + 3);  // chunks of four rows, and three tokens
  EXPECT_THROW(c.next_pieces(), Error);
  EXPECT_THROW(c.end_reply(), Error);

  // A reply that is cancelled leaves the messages, and rows that the next one uses.
  c.add("user", "two");
  const Json::Array before = c.messages();
  c.begin_reply(talk.options);
  while (c.next_pieces()->empty()) continue;
  c.cancel_reply();
  c.cancel_reply();
  EXPECT_FALSE(c.replying());
  EXPECT_EQ(c.messages(), before);
  const Reply again = talk.answer();
  EXPECT_EQ(again.ids, wanted(before).ids);
  EXPECT_EQ(again.prefilled, 1);
}

TEST_F(ConversationTest, TheEndOfTheContextIsSaid) {
  chain({kColon, kX, kQ, kZ, kEndOfTurn});
  Talk talk(model(), kTemplate, 40);
  EXPECT_EQ(talk.ask("one").reason, StopReason::kEnd);
  const std::string long_text(60, 'q');
  const Json::Array before = talk.conversation->messages();
  EXPECT_NE(error(talk, long_text).find("the conversation wanted at most 40 tokens (the context), got "),
            std::string::npos);
  ASSERT_TRUE(talk.conversation->drop_user());
  EXPECT_EQ(talk.conversation->messages(), before);
  EXPECT_EQ(talk.ask("two").content, "xqz");

  // An answer that does not fit is cut.
  const auto length = [&](const Talk& t, std::int64_t q) {
    return static_cast<std::int64_t>(
        encode_rendered(
            t.tokenizer(),
            t.chat_template().render(Json::Object{
                {"messages",
                 Json(Json::Array{Json(Json::Object{
                     {"role", Json("user")}, {"content", Json(std::string(static_cast<std::size_t>(q), 'q'))}})})},
                {"add_generation_prompt", Json(true)}}),
            t.chat_template().control_ids(t.tokenizer()))
            .size());
  };
  std::int64_t q = 1;
  while (length(talk, q) < 39) ++q;
  Talk full(model(), kTemplate, 40);
  const Reply cut = full.ask(std::string(static_cast<std::size_t>(q), 'q'));
  EXPECT_EQ(cut.prompt, 39);
  EXPECT_EQ(cut.reason, StopReason::kContext);
  EXPECT_EQ(cut.content, "xq");
}

TEST_F(ConversationTest, TheOldestTurnsMakeRoomWhereThatIsAskedFor) {
  chain({kColon, kX, kQ, kZ, kEndOfTurn});
  Talk talk(model(), kTemplate, 64, {.drop_oldest = true});
  talk.conversation->set_system("s");
  std::int64_t dropped = 0;
  for (int i = 0; i < 12; ++i) {
    const std::string question = "question " + std::to_string(i);
    const Reply reply = talk.ask(question);
    dropped += reply.dropped;
    EXPECT_EQ(reply.content, "xqz") << i;
    EXPECT_LE(reply.prompt + 12 - 1, 64);
    const Json::Array& all = talk.conversation->messages();
    EXPECT_EQ(static_cast<std::int64_t>(all.size()) + dropped, 1 + 2 * (i + 1));
    EXPECT_EQ(all.front().at("role", ""), Json("system"));
    EXPECT_EQ(all[1].at("role", ""), Json("user"));
    EXPECT_EQ(all[all.size() - 2].at("content", ""), Json(question));
  }
  EXPECT_GT(dropped, 0);
  // One question that is too long by itself: nothing is dropped for it.
  const Json::Array before = talk.conversation->messages();
  EXPECT_NE(error(talk, std::string(200, 'q')).find("the conversation wanted at most 64 tokens"), std::string::npos);
  ASSERT_TRUE(talk.conversation->drop_user());
  EXPECT_EQ(talk.conversation->messages(), before);
}

TEST_F(ConversationTest, AnErrorLeavesTheMessagesAndTheNextTurnRight) {
  chain({kColon, kX, kQ, kZ, kEndOfTurn});
  Talk talk(
      model(),
      std::string(kTemplate) + "{% if messages[-1].content == 'no' %}{{ raise_exception('Not that') }}{% endif %}",
      200);
  talk.ask("one");
  EXPECT_NE(error(talk, "no").find("Not that"), std::string::npos);
  EXPECT_FALSE(talk.conversation->drop_answer());
  ASSERT_TRUE(talk.conversation->drop_user());
  // What a caller throws comes out, and the state is what the messages say.
  talk.conversation->add("user", "two");
  EXPECT_THROW(talk.conversation->reply(talk.options,
                                        [](std::span<const AnswerPiece> pieces) -> bool {
                                          if (!pieces.empty()) throw std::logic_error("full");
                                          return true;
                                        }),
               std::logic_error);
  const Reply again = talk.answer();
  EXPECT_EQ(again.content, "xqz");
  EXPECT_EQ(again.prefilled, again.prompt);
}

TEST_F(ConversationTest, EveryReplyDrawsItsOwnNumbers) {
  random();
  Talk talk(model(), kTemplate, 400), same(model(), kTemplate, 400);
  for (Talk* t : {&talk, &same}) {
    t->options.sampling.temperature = 2.0f;
    t->options.sampling.seed = 7;
  }
  const Ids first = talk.ask("one").ids;
  EXPECT_EQ(same.ask("one").ids, first);
  ASSERT_TRUE(talk.conversation->drop_answer());
  const Ids second = talk.answer().ids;
  EXPECT_NE(second, first);
  ASSERT_TRUE(same.conversation->drop_answer());
  EXPECT_EQ(same.answer().ids, second);
}

TEST_F(ConversationTest, TheTemplateNamesTheEndOfATurn) {
  chain({kColon, kX, kEndOfTurn});
  const auto ends = [&](const std::string& source) {
    const Talk talk(model(), source, 100);
    return turn_end_ids(talk.chat_template(), talk.tokenizer());
  };
  EXPECT_EQ(ends(kTemplate), Ids{kEndOfTurn});
  EXPECT_EQ(ends("{% for m in messages %}{{ m.content }}\n{{ bos_token }}{% endfor %}"), Ids{900});
  EXPECT_EQ(ends("{% for m in messages %}{{ m.content }} end<|eot_id|>{% endfor %}"), Ids{});
  EXPECT_EQ(ends("{% for m in messages %}{{ m.content }}{% endfor %}"), Ids{});
  EXPECT_EQ(ends("{{ raise_exception('no') }}"), Ids{});
}

// Its template, its tokens: the answer is the one that transformers gives.
TEST(ConversationWithSmolLM2, AnswersAndReadsOnlyWhatIsNew) {
  TTT_REQUIRE_MODEL(model, "TTT_SMOLLM2_GGUF");
  const ChatTemplates found = load_chat_templates(model);
  const ChatTemplates::Named& chosen = found.choose({}, false);
  const ChatTemplate chat_template(chosen.source, chosen.where, found.special_tokens);
  LoadOptions load;
  load.weight_format = Format::kF32;
  load.state_format = Format::kF32;
  TestModel loaded(model, load, 512);
  const Tokenizer tokenizer = load_tokenizer(*loaded.loaded().checkpoint);
  Runner runner = loaded.runner(64, 1, 2);
  GenerateOptions options{.max_new_tokens = 24};
  for (const std::int32_t id : tokenizer.end_ids()) options.end_ids.push_back(id);
  const auto all = [](std::span<const AnswerPiece>) { return true; };

  Conversation conversation(runner, tokenizer, chat_template);
  conversation.add("user", "What is the capital of France? Answer in one sentence.");
  const Reply first = conversation.reply(options, all);
  EXPECT_EQ(first.content, "The capital of France is Paris.");
  EXPECT_EQ(first.reason, StopReason::kEnd);
  EXPECT_EQ(first.prefilled, first.prompt);

  conversation.add("user", "And of Italy?");
  const Json::Array messages = conversation.messages();
  const Reply second = conversation.reply(options, all);
  EXPECT_EQ(second.prompt - second.prefilled, first.prompt + static_cast<std::int64_t>(first.ids.size()));
  Conversation fresh(runner, tokenizer, chat_template);
  for (const Json& m : messages) fresh.add(m);
  const Reply anew = fresh.reply(options, all);
  EXPECT_EQ(anew.prefilled, anew.prompt);
  EXPECT_EQ(anew.prompt, second.prompt);
  EXPECT_EQ(anew.ids, second.ids);
  EXPECT_EQ(turn_end_ids(chat_template, tokenizer), Ids{*tokenizer.id_of("<|im_end|>")});
}

}  // namespace
}  // namespace ttt
