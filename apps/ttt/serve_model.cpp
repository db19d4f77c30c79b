#include "apps/ttt/serve_model.h"

#include <algorithm>
#include <filesystem>

#include "apps/ttt/prompt.h"
#include "apps/ttt/ranks.h"
#include "apps/ttt/sampling_options.h"
#include "apps/ttt/signals.h"
#include "apps/ttt/standard_files.h"
#include "base/error.h"
#include "runtime/chat.h"
#include "runtime/class_scores.h"
#include "runtime/load_chat_template.h"
#include "runtime/load_tokenizer.h"
#include "server/service.h"
#include "text/tool_marks.h"

namespace ttt::app {
namespace {

std::vector<std::string> names_of(const ServeModelOptions& o) {
  std::vector<std::string> names;
  std::string_view rest = o.served_names ? std::string_view(*o.served_names) : std::string_view();
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    if (comma > 0) names.emplace_back(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  require(!o.served_names || !names.empty(), ErrorKind::kUsage, "--served-model-name wanted a name, got none");
  if (!names.empty()) return names;
  std::filesystem::path path = std::filesystem::path(o.model.model).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  return {path.extension() == ".gguf" ? path.stem().string() : path.filename().string()};
}

server::ServedTemplate served_template(const ChatTemplates::Named& named, const Json& special_tokens,
                                       const Tokenizer& tokenizer) {
  server::ServedTemplate t{.source = named.source,
                           .chat_template = ChatTemplate(named.source, named.where, special_tokens)};
  t.controls = t.chat_template.control_ids(tokenizer);
  t.reasoning = find_reasoning_marks(named.source);
  // A template that does not read the tools cannot tell the model about them.
  if (named.source.find("tools") != std::string::npos) t.tools = find_tool_format(named.source);
  return t;
}

}  // namespace

ServeModel::ServeModel(const ServeModelOptions& options) {
  served_.names = names_of(options);
  served_.created = server::unix_seconds();
  checkpoint_ = open_model(options.model);
  tokenizer_ = tokenizer_of(options.model, *checkpoint_);
  say_remarks(*tokenizer_, options.model.verbose);
  served_.tokenizer = &*tokenizer_;
  const PlannedModel planned = plan_model(*checkpoint_, options.model.families, load_options(options.model));
  const Model& model = *planned.built.model;
  require(!model.has_encoder() && model.input_size() == 0, ErrorKind::kUnsupported, options.model.model,
          ": serve wanted a model that continues, embeds or ranks a text, got one of another kind");
  served_.vocab = model.vocab_size();
  const bool continues = model.output() == OutputKind::kLogits && !planned.built.tree->states.empty();
  require(continues || communicator().ranks() == 1, ErrorKind::kUnsupported, options.model.model,
          ": serve wanted one rank for an encoder, got ", communicator().ranks());
  if (model.output() == OutputKind::kClasses) {
    load_scores(options);
  } else if (continues) {
    load_decoder(options);
  } else {
    load_embedder(options);  // of an encoder with a head for masked tokens too
  }
}

void ServeModel::load_decoder(const ServeModelOptions& o) {
  const std::int64_t limit = max_positions(checkpoint_->config(), checkpoint_->config_where());
  constexpr std::int64_t kUsual = 8192;  // memory for whole contexts of all sequences would not be there
  const std::int64_t usual = limit > 0 ? std::min(limit, kUsual) : kUsual;
  const std::int64_t context = context_for(o.model, *checkpoint_, o.model.context > 0 ? o.model.context : usual);
  const RunnerConfig run{.context = context, .chunk = o.engine.step_rows};
  load_templates(o);
  bench_.emplace(o.model, checkpoint_, run, [&](const Model& model) {
    const SamplingFlags flags{.ignore_generation_config = o.ignore_generation_config};
    const GenerateOptions checked = generate_options(o.model, flags, 1, *checkpoint_, *tokenizer_, model.vocab_size());
    for (const std::int64_t id : checked.end_ids) served_.end_ids.push_back(static_cast<std::int32_t>(id));
    const Json nothing, &config = o.ignore_generation_config ? nothing : checkpoint_->generation_config();
    served_.defaults =
        generation_defaults(config, (checkpoint_->path() / "generation_config.json").string(), model.vocab_size());
    served_.defaults.bad_words = checked.sampling.bad_words;
  });
  for (const auto& id : {tokenizer_->eos_id(), tokenizer_->eot_id()}) {
    if (id && *id < served_.vocab) served_.end_ids.push_back(*id);
  }
  served_.chat_end_ids = served_.end_ids;
  for (const auto* t : {&served_.chat, &served_.tool_chat}) {
    if (!*t) continue;
    for (const std::int32_t id : turn_end_ids((*t)->chat_template, *tokenizer_)) served_.chat_end_ids.push_back(id);
  }
  load_vocabularies();
  EngineOptions options = o.engine;
  options.context = bench_->model.built.context;
  const SignalsHeld held;  // the engine's thread never takes the process's signals
  engine_ = std::make_unique<Engine>(bench_->model, *tokenizer_, *bench_->threads, bench_->communicator, options);
  backend_ = server::make_engine_backend(*engine_);
  served_.backend = backend_.get();
  served_.context = engine_->context();
}

// What grammars need of the tokenizer. Marks of calls may be control tokens, which are text for the grammars of tools.
void ServeModel::load_vocabularies() {
  try {
    served_.structures =
        std::make_shared<ConstraintCache>(std::make_shared<const GrammarVocabulary>(*tokenizer_, served_.vocab));
    served_.tool_structures = served_.structures;
    const auto& tools = served_.tool_chat ? served_.tool_chat : served_.chat;
    if (!tools || !tools->tools) return;
    const ToolCallMarks marks = tool_call_marks(*tools->tools, tools->source);
    const std::string all = text(marks.begin, "\n", marks.call_begin, "\n", marks.name_end, "\n", marks.call_end, "\n",
                                 marks.between, "\n", marks.end);
    std::vector<std::int32_t> as_text;
    for (const std::int32_t id : tokenizer_->added_ids()) {
      const bool in_marks = tokenizer_->is_special(id) && all.find(tokenizer_->token_text(id)) != std::string::npos;
      if (in_marks && id < served_.vocab) as_text.push_back(id);
    }
    if (as_text.empty()) return;
    served_.tool_structures = std::make_shared<ConstraintCache>(
        std::make_shared<const GrammarVocabulary>(*tokenizer_, served_.vocab, as_text));
  } catch (const Error& e) {
    served_.no_grammar = e.what();
  }
}

// A template that cannot be read is no reason not to serve completions: the chat API says what is wrong with it.
void ServeModel::load_templates(const ServeModelOptions& o) {
  require(!o.template_file || !o.template_name, ErrorKind::kUsage,
          "--chat-template and --template-name exclude each other");
  try {
    const ChatTemplates found = load_chat_templates(o.model.model);
    if (o.template_file) {
      const ChatTemplates::Named named{.where = *o.template_file,
                                       .source = read_input(*o.template_file, TemplateLimits{}.source, "the template")};
      served_.chat = served_template(named, found.special_tokens, *tokenizer_);
      return;
    }
    if (found.all.empty()) {
      served_.no_chat = "the model has no chat template; /v1/completions continues a text without";
      return;
    }
    const ChatTemplates::Named& plain = found.choose(o.template_name, false);
    served_.chat = served_template(plain, found.special_tokens, *tokenizer_);
    const ChatTemplates::Named& with_tools = found.choose(o.template_name, true);
    if (&with_tools != &plain) served_.tool_chat = served_template(with_tools, found.special_tokens, *tokenizer_);
  } catch (const Error& e) {
    if (o.template_file || o.template_name) throw;
    served_.no_chat = text("the model's chat template cannot be used: ", e.what());
    say("ttt: warning: " + served_.no_chat);
  }
}

void ServeModel::load_embedder(const ServeModelOptions& o) {
  ModelOptions model = o.model;
  model.output = OutputKind::kHiddenStates;
  const EmbeddingModules modules = read_embedding_modules(*checkpoint_);
  const PlannedModel planned = plan_model(*checkpoint_, model.families, load_options(model));
  served_.text_limit = text_limit(*checkpoint_, planned.built.context);
  if (modules.max_rows > 0) served_.text_limit.ids = std::min(modules.max_rows, planned.built.context);
  // Several short texts make a step worth its while.
  constexpr std::int64_t kStepRows = 256;
  const std::int64_t context = served_.text_limit.ids, chunk = std::max(context, kStepRows);
  bench_.emplace(model, checkpoint_,
                 RunnerConfig{.sequences = o.engine.sequences,
                              .context = context_for(model, *checkpoint_, context),
                              .chunk = chunk,
                              .wanted = chunk});
  runner_.reset(new Runner(bench_->runner()));
  embedder_.emplace(*runner_, *bench_->threads, modules);
  served_.context = context;
  served_.embedding_width = embedder_->width();
  served_.embedding_prompt = modules.prompt;
  served_.embed = [this](std::span<const Encoding> texts) {
    const std::lock_guard lock(encoder_);
    return embedder_->embed(texts);
  };
}

void ServeModel::load_scores(const ServeModelOptions& o) {
  ModelOptions model = o.model;
  model.output = OutputKind::kClasses;
  const ClassScores scores = pair_scores(*checkpoint_);
  const PlannedModel planned = plan_model(*checkpoint_, model.families, load_options(model));
  served_.text_limit = text_limit(*checkpoint_, planned.built.context);
  const std::int64_t context = served_.text_limit.ids;
  bench_.emplace(model, checkpoint_,
                 RunnerConfig{.context = context_for(model, *checkpoint_, context), .chunk = context, .wanted = 1});
  runner_.reset(new Runner(bench_->runner()));
  require(runner_->output_size() == 1, ErrorKind::kUnsupported, o.model.model,
          ": serve wanted a model that ranks with one class, got one with ", runner_->output_size());
  served_.context = context;
  served_.score = [this, scores](std::span<const Encoding> pairs) {
    const std::lock_guard lock(encoder_);
    std::vector<double> all;
    for (const Encoding& pair : pairs) {
      Sequence sequence = runner_->create();
      const std::int64_t wanted = 0;
      const StepEntry entry{
          .sequence = &sequence, .rows = std::ssize(pair.ids), .token_types = types_for(runner_->model(), pair)};
      all.push_back(apply_scores(scores, runner_->step({&entry, 1}, pair.ids, {&wanted, 1}))[0]);
    }
    return all;
  };
}

}  // namespace ttt::app
