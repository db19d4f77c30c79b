#include <cstdio>
#include <exception>
#include <new>

#include "apps/ttt/commands.h"
#include "apps/ttt/options.h"
#include "apps/ttt/signals.h"
#include "apps/ttt/version.h"
#include "base/error.h"

namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  ttt generate -m SmolLM2-135M-Instruct.Q4_1.gguf -p \"The capital of France is\" -n 32\n"
    "  ttt generate -m DIRECTORY -p \"Once upon a time\" --temp 0.8 --top-p 0.95 --seed 7\n"
    "  ttt logits -m DIRECTORY --tokens 1,2,3 -o logits.npy\n"
    "  ttt perplexity -m MODEL -f text.txt --ctx 2048\n"
    "  ttt inspect -m MODEL\n"
    "  ttt bench --config config.json --format bf16 --prompt 512 --generate 64\n"
    "Exit status: 0 ok, 1 internal, 2 usage, 3 bad data, 4 cannot read or write, 5 not enough memory or disk,\n"
    "  6 valid but unsupported, 7 peer lost, 130 and 143 by signal.";

int run_command(const ttt::app::Run& run) {
  using ttt::ErrorKind;
  try {
    return run();
  } catch (const ttt::Error& e) {
    ttt::app::say(ttt::text("ttt: error: ", e.what()));
    return static_cast<int>(e.kind());
  } catch (const std::bad_alloc&) {
    ttt::app::say("ttt: error: out of memory");
    return static_cast<int>(ErrorKind::kResources);
  } catch (const std::exception& e) {
    ttt::app::say(ttt::text("ttt: internal error: ", e.what()));
    return static_cast<int>(ErrorKind::kInternal);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Runs transformer checkpoints: Hugging Face directories and GGUF files.", "ttt");
  app.footer(kExamples);
  app.set_version_flag("--version", ttt::app::version_text());
  app.require_subcommand(1);
  ttt::app::Run run;
  ttt::app::add_generate(app, run);
  ttt::app::add_logits(app, run);
  ttt::app::add_tokenize(app, run);
  ttt::app::add_perplexity(app, run);
  ttt::app::add_inspect(app, run);
  ttt::app::add_bench(app, run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    // CLI11 has statuses of its own; help and version are no errors.
    return app.exit(e) == 0 ? 0 : static_cast<int>(ttt::ErrorKind::kUsage);
  }
  ttt::app::install_signal_handlers();
  return run_command(run);
}
