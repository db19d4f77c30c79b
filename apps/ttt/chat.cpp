#include "runtime/chat.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "apps/ttt/chat_turns.h"
#include "apps/ttt/commands.h"
#include "apps/ttt/lines.h"
#include "apps/ttt/options.h"
#include "apps/ttt/prompt.h"
#include "apps/ttt/ranks.h"
#include "apps/ttt/sampling_options.h"
#include "apps/ttt/signals.h"
#include "apps/ttt/standard_files.h"
#include "base/error.h"
#include "checkpoint/config_reader.h"
#include "runtime/generation_options.h"
#include "runtime/load_chat_template.h"
#include "runtime/session.h"

namespace ttt::app {
namespace {

struct ChatFlags {
  ModelOptions model;
  SamplingFlags sampling;
  std::optional<std::int64_t> count;
  std::optional<std::string> message, system, template_file, template_name;
  bool hide_thinking = false, no_thinking = false, drop_oldest = false;
};

struct ChosenTemplate {
  std::string source;
  ChatTemplate chat_template;
};

ChosenTemplate choose_template(const ChatFlags& f) {
  require(!f.template_file || !f.template_name, ErrorKind::kUsage, "--template and --template-name exclude each other");
  const ChatTemplates found = load_chat_templates(f.model.model);
  ChatTemplates::Named chosen;
  if (f.template_file) {
    chosen = {.where = *f.template_file,
              .source = read_input(*f.template_file, TemplateLimits{}.source, "the template")};
  } else {
    require(!found.all.empty(), ErrorKind::kUnsupported, f.model.model,
            ": there is no chat template; --template FILE gives one, and `ttt generate` continues a text without");
    chosen = found.choose(f.template_name, false);
  }
  return {chosen.source, ChatTemplate(chosen.source, chosen.where, found.special_tokens)};
}

// What templates of models that can go without reasoning read.
Json variables_of(const ChatFlags& f, const std::string& source) {
  if (!f.no_thinking) return {};
  if (source.find("enable_thinking") == std::string::npos && source.find("thinking") == std::string::npos) {
    say("ttt: warning: --no-thinking changes nothing: the template reads neither enable_thinking nor thinking");
  }
  return Json::Object{{"enable_thinking", Json(false)}, {"thinking", Json(false)}};
}

std::int64_t context_of(const ChatFlags& f, const Checkpoint& checkpoint) {
  const std::int64_t limit = max_positions(checkpoint.config(), checkpoint.config_where());
  const std::int64_t usual = limit > 0 ? std::min(limit, Session::kDefaultContext) : Session::kDefaultContext;
  return context_for(f.model, checkpoint, f.model.context > 0 ? f.model.context : usual);
}

GenerateOptions options_of(const ChatFlags& f, const Checkpoint& checkpoint, const Tokenizer& tokenizer,
                           const ChatTemplate& chat_template, const Json& variables, std::int64_t vocab) {
  constexpr std::int64_t kToTheEnd = std::int64_t{1} << 40;
  GenerateOptions options =
      generate_options(f.model, f.sampling, f.count.value_or(kToTheEnd), checkpoint, tokenizer, vocab);
  for (const std::int64_t id : answer_end_ids(chat_template, tokenizer, variables)) options.end_ids.push_back(id);
  return options;
}

// The reference changes the factors once a sequence is that long; here a model has one set of them.
void warn_of_long_factors(const BuiltModel& built) {
  const std::int64_t limit = built.report.rotary_limit;
  if (limit == 0 || built.context <= limit) return;
  say(text("ttt: warning: the context of ", built.context, " rows takes the rotary factors of sequences above ", limit,
           " from the first token on; --ctx ", limit, " keeps those of short ones"));
}

int converse(const ChatFlags& f, ChatTurns& turns) {
  if (f.message) {
    turns.ask(*f.message);
    return interrupted();
  }
  if (!at_terminal()) return turns.run(*script_lines());
  const Graceful graceful;
  if (f.model.verbose > 0 && !has_line_editor()) say("ttt: note: lines are not edited: this was built without libedit");
  say("ttt: /help lists commands, Ctrl-D ends");
  return turns.run(*terminal_lines());
}

int chat(const ChatFlags& f) {
  require(f.message || communicator().ranks() == 1, ErrorKind::kUnsupported, "a conversation on ",
          communicator().ranks(), " ranks is not supported; --message TEXT answers once");
  require(!f.message || !f.message->empty(), ErrorKind::kUsage, "--message wanted a text, got \"\"");
  require(f.count.value_or(1) > 0, ErrorKind::kUsage, "-n wanted a number of at least 1, got ", f.count.value_or(1));
  const auto checkpoint = open_model(f.model);
  const Tokenizer tokenizer = tokenizer_of(f.model, *checkpoint);
  say_remarks(tokenizer, f.model.verbose);
  const ChosenTemplate chosen = choose_template(f);
  const Json variables = variables_of(f, chosen.source);

  GenerateOptions options;
  const RunnerConfig run{.context = context_of(f, *checkpoint),
                         .chunk = f.model.chunk > 0 ? f.model.chunk : RunnerConfig{}.chunk};
  Workbench bench(f.model, checkpoint, run, [&](const Model& model) {
    options = options_of(f, *checkpoint, tokenizer, chosen.chat_template, variables, model.vocab_size());
  });
  warn_of_long_factors(bench.model.built);
  if (f.model.verbose > 0) say(text("ttt: sampling: ", to_json(options.sampling).dump()));
  Runner runner = bench.runner();
  Conversation conversation(
      runner, tokenizer, chosen.chat_template,
      {.variables = variables, .reasoning = find_reasoning_marks(chosen.source), .drop_oldest = f.drop_oldest});
  if (f.system) conversation.set_system(*f.system);
  require_same("conversation", conversation.request().dump() + f.message.value_or(""));
  const bool interactive = !f.message && at_terminal();
  ChatTurns turns(conversation, options, bench.model.built.context,
                  {.hide_reasoning = f.hide_thinking,
                   .shows_speed = interactive || f.model.verbose > 0,
                   .interactive = interactive});
  return converse(f, turns);
}

}  // namespace

void add_chat(Arguments& arguments, std::span<const Family> families) {
  auto f = std::make_shared<ChatFlags>();
  Command c =
      arguments.command("chat", "Talks with a model through its chat template",
                        "Example: ttt chat -m model.gguf\n"
                        "         ttt chat -m model.gguf --message \"What is the capital of France?\" --temp 0\n"
                        "         printf 'My name is Ada.\\nWhat is my name?\\n' | ttt chat -m model.gguf",
                        [f] { return chat(*f); });
  add_model_options(c, f->model, families);
  c.option("--message", f->message, "answer this and end; otherwise standard input is a message a line");
  c.option("--system", f->system, "system message");
  c.option("-n,--n-predict", f->count, "tokens of one answer, at most (default: to the end of the context)");
  add_sampling_options(c, f->sampling);
  c.flag("--no-thinking", f->no_thinking, "ask the template for an answer without reasoning");
  c.flag("--hide-thinking", f->hide_thinking, "do not show the reasoning");
  c.flag("--drop-oldest", f->drop_oldest, "at the end of the context leave out the oldest turns");
  c.option("--template", f->template_file, "file with a template, instead of the model's");
  c.option("--template-name", f->template_name, "which of a model's templates (default: default)");
}

}  // namespace ttt::app
