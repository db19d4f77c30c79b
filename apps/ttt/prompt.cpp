#include "apps/ttt/prompt.h"

#include <string>

#include "apps/ttt/options.h"
#include "base/error.h"
#include "base/json.h"

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

void require_rows(const Tokenizer& tokenizer, std::span<const std::int32_t> ids, std::int64_t vocab_size) {
  for (const std::int32_t id : ids) {
    require(id < vocab_size, ErrorKind::kBadData, "the text holds token ", id, " ",
            Json(tokenizer.token_text(id)).dump(), ", which the model does not know: vocab_size is ", vocab_size);
  }
}

}  // namespace ttt::app
