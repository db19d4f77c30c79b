#include "apps/ttt/prompt.h"

#include <algorithm>
#include <string>

#include "apps/ttt/options.h"
#include "base/error.h"
#include "base/json.h"
#include "runtime/load_chat_template.h"
#include "runtime/load_tokenizer.h"

namespace ttt::app {

void say_remarks(const Tokenizer& tokenizer, int verbose) {
  for (const std::string& warning : tokenizer.warnings()) say("ttt: warning: " + warning);
  if (verbose == 0) return;
  for (const std::string& note : tokenizer.notes()) say("ttt: note: " + note);
}

std::vector<std::int32_t> encode_text(const Tokenizer& tokenizer, std::string_view text, bool add_special) {
  std::vector<std::int32_t> ids = tokenizer.encode(text, {.add_special = add_special});
  if (!add_special || ids.size() < 2) return ids;
  const auto warn = [&](std::string_view what, std::string_view where, std::int32_t id) {
    say(ttt::text("ttt: warning: the text ", where, " with ", Json(tokenizer.token_text(id)).dump(), " and a second ",
                  what, " token is added to it; --no-special-tokens adds none"));
  };
  if (tokenizer.adds_bos() && ids[1] == *tokenizer.bos_id()) warn("begin", "starts", ids[1]);
  if (tokenizer.adds_eos() && ids[ids.size() - 2] == *tokenizer.eos_id()) warn("end", "ends", ids.back());
  return ids;
}

namespace {

// As the template writes it after a question, without white space around it.
std::string hand_over(const ChatTemplate& chat_template) {
  const Json question(Json::Object{{"role", Json("user")}, {"content", Json("a")}});
  const Json request(Json::Object{{"messages", Json(Json::Array{question})}, {"add_generation_prompt", Json(true)}});
  const Rendered rendered = chat_template.render(request);
  std::string tail = rendered.input.empty() ? std::string() : rendered.text.substr(rendered.input.back().end);
  constexpr std::string_view kBlank = " \t\r\n";
  tail.erase(tail.find_last_not_of(kBlank) + 1);
  return tail.substr(std::min(tail.find_first_not_of(kBlank), tail.size()));
}

bool is_bare(const ChatTemplate& chat_template, const Tokenizer& tokenizer, std::string_view text) {
  const std::string tail = hand_over(chat_template);
  if (!tail.empty() && text.find(tail) != std::string_view::npos) return false;
  const std::vector<std::int32_t> controls = chat_template.control_ids(tokenizer);
  const std::vector<std::int32_t> ids = tokenizer.encode(text, {.add_special = false});
  // Texts that are no conversation begin with the begin token too.
  return std::ranges::none_of(
      ids, [&](std::int32_t id) { return id != tokenizer.bos_id() && std::ranges::binary_search(controls, id); });
}

}  // namespace

void warn_of_bare_prompt(const std::filesystem::path& model, const Tokenizer& tokenizer, std::string_view text) {
  bool bare = false;
  try {
    const ChatTemplates found = load_chat_templates(model);
    if (found.all.empty()) return;
    const ChatTemplates::Named& chosen = found.choose({}, false);
    bare = is_bare(ChatTemplate(chosen.source, chosen.where, found.special_tokens), tokenizer, text);
  } catch (const Error&) {
    return;  // a template that cannot be used is no reason not to continue a text
  }
  if (bare) {
    say("ttt: warning: the model has a chat template, and the prompt is given without; `ttt chat -m MODEL --message "
        "TEXT` asks it as it was trained to be asked");
  }
}

void require_rows(const Tokenizer& tokenizer, std::span<const std::int32_t> ids, std::int64_t vocab_size) {
  for (const std::int32_t id : ids) {
    require(id < vocab_size, ErrorKind::kBadData, "the text holds token ", id, " ",
            Json(tokenizer.token_text(id)).dump(), ", which the model does not know: vocab_size is ", vocab_size);
  }
}

TextLimit text_limit(const Checkpoint& checkpoint, std::int64_t context) {
  TextLimit limit = read_text_limit(checkpoint);
  limit.ids = limit.ids == 0 ? context : std::min(limit.ids, context);
  return limit;
}

}  // namespace ttt::app
