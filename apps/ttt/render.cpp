#include <optional>

#include "apps/ttt/commands.h"
#include "apps/ttt/standard_files.h"
#include "base/error.h"
#include "runtime/load_chat_template.h"

namespace ttt::app {
namespace {

struct RenderFlags {
  std::optional<std::string> model = {}, file = {}, name = {}, special = {};
  std::string input = "-";
};

Json special_tokens(const std::string& option) {
  Json special = Json::parse(option, "--special");
  for (const auto& [name, value] : special.as_object("--special")) value.as_string("--special " + name);
  return special;
}

ChatTemplate template_of(const RenderFlags& f, const Json& request) {
  ChatTemplates found;
  ChatTemplates::Named chosen;
  if (f.file) {
    chosen = {.name = {}, .where = *f.file, .source = read_input(*f.file, TemplateLimits{}.source, "the template")};
  } else {
    found = load_chat_templates(*f.model);
    const Json* tools = request.find("tools");
    chosen = found.choose(f.name, tools != nullptr && !tools->is_null());
  }
  if (f.special) {
    const Json special = special_tokens(*f.special);
    for (const auto& [name, value] : special.as_object("")) found.special_tokens.set(name, value);
  }
  return ChatTemplate(chosen.source, chosen.where, found.special_tokens);
}

int render(const RenderFlags& f) {
  require(f.model.has_value() != f.file.has_value(), ErrorKind::kUsage, "render wanted one of -m and --template");
  require(!f.name || f.model, ErrorKind::kUsage,
          "--template-name chooses among the templates of a model: -m is wanted");
  require(!f.file || *f.file != "-" || f.input != "-", ErrorKind::kUsage,
          "the template and the request cannot both come from standard input");
  const JsonLimits limits{.bytes = JsonLimits{}.bytes, .wide_integers = false};
  const std::string where = f.input == "-" ? "stdin" : f.input;
  const Json request = Json::parse(read_input(f.input, limits.bytes, "the request"), where, limits);
  write_stdout(template_of(f, request).render(request).text);
  return 0;
}

}  // namespace

void add_render(Arguments& arguments) {
  auto f = std::make_shared<RenderFlags>();
  Command c = arguments.command(
      "render", "Writes the prompt that a chat template makes of a conversation",
      "Example: echo '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}], \"add_generation_prompt\": true}' "
      "|\n"
      "           ttt render -m model.gguf\n"
      "         ttt render --template chat.jinja --special '{\"bos_token\": \"<s>\"}' --input request.json",
      [f] { return render(*f); });
  c.option("-m,--model", f->model, "Hugging Face directory or .gguf file whose template is taken");
  c.option("--template", f->file, "file with a template, instead of a model's");
  c.option("--template-name", f->name, "which of a model's templates (default: tool_use with tools, else default)");
  c.option("--special", f->special, "JSON object with bos_token and so on, which the template sees");
  c.option("-i,--input", f->input,
           "JSON file with messages, tools, documents, add_generation_prompt and any variables of the template, or - "
           "for standard input",
           Option::kShowsDefault);
}

}  // namespace ttt::app
