#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include "apps/ttt/arguments.h"
#include "apps/ttt/commands.h"
#include "apps/ttt/options.h"
#include "apps/ttt/ranks.h"
#include "apps/ttt/signals.h"
#include "apps/ttt/standard_files.h"
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
    "  ttt plan -m MODEL --ctx 4096\n"
    "  mpirun -n 4 ttt generate -m MODEL -p \"The capital of France is\"\n"
    "  ttt bench --config config.json --format bf16 --prompt 512 --generate 64\n"
    "Exit status: 0 ok, 1 internal, 2 usage, 3 bad data, 4 cannot read or write, 5 not enough memory or disk,\n"
    "  6 valid but unsupported, 7 peer lost, 129, 130 and 143 by signal.";

ttt::app::Outcome failure(ttt::ErrorKind kind, const std::string& message) {
  return {static_cast<int>(kind), "error: " + message};
}

ttt::app::Outcome outcome_of(const ttt::app::Run& run) {
  using ttt::ErrorKind;
  try {
    const int status = run();
    ttt::app::finish_stdout();
    return {status, {}};
  } catch (const ttt::Error& e) {
    return failure(e.kind(), e.what());
  } catch (const std::bad_alloc&) {
    return failure(ErrorKind::kResources, "out of memory");
  } catch (const std::exception& e) {
    return failure(ErrorKind::kInternal, ttt::text("internal: ", e.what()));
  }
}

// Said by one rank.
int report(const ttt::app::Outcome& outcome) {
  ttt::app::say("ttt: " + outcome.message);
  return outcome.status;
}

// Help, or the version.
int said(const CLI::App& app, const CLI::ParseError& what) {
  const ttt::app::Outcome outcome = outcome_of([&] { return app.exit(what); });
  return outcome.status == 0 ? 0 : report(outcome);
}

int run_tool(int argc, char** argv) {
  CLI::App app("Runs transformer checkpoints: Hugging Face directories and GGUF files.", "ttt");
  app.footer(kExamples);
  app.set_version_flag("--version", ttt::app::version_text());
  app.require_subcommand(1);
  ttt::app::let_the_last_win(app);
  ttt::app::Run run;
  ttt::app::add_generate(app, run);
  ttt::app::add_logits(app, run);
  ttt::app::add_tokenize(app, run);
  ttt::app::add_perplexity(app, run);
  ttt::app::add_inspect(app, run);
  ttt::app::add_bench(app, run);
  ttt::app::add_verify(app, run);
  ttt::app::add_plan(app, run);
  ttt::app::check_numbers(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    // Help and the version come this way too, and are no errors.
    if (e.get_exit_code() == 0) return ttt::app::leads() ? said(app, e) : 0;
    return report(failure(ttt::ErrorKind::kUsage, std::string(e.what()) + "; --help says more"));
  }
  return ttt::app::run_on_ranks([&] { return outcome_of(run); });
}

}  // namespace

int main(int argc, char** argv) {
  ttt::app::install_signal_handlers();
  ttt::app::hold_standard_files();
  // No memory even for the arguments.
  try {
    return run_tool(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs("ttt: error: out of memory\n", stderr);
    return static_cast<int>(ttt::ErrorKind::kResources);
  }
}
