#include "apps/ttt/app.h"

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
    "  ttt chat -m MODEL\n"
    "  ttt logits -m DIRECTORY --tokens 1,2,3 -o logits.npy\n"
    "  ttt render -m MODEL --input request.json\n"
    "  ttt embed -m DIRECTORY -o embeddings.npy < lines.txt\n"
    "  ttt perplexity -m MODEL -f text.txt --ctx 2048\n"
    "  ttt inspect -m MODEL\n"
    "  ttt plan -m MODEL --ctx 4096\n"
    "  ttt serve -m MODEL --port 8000\n"
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

int run_command(int argc, char** argv, std::span<const ttt::Family> families) {
  using namespace ttt::app;
  Arguments arguments("Runs transformer checkpoints: Hugging Face directories and GGUF files.", kExamples,
                      version_text());
  add_generate(arguments, families);
  add_chat(arguments, families);
  add_logits(arguments, families);
  add_tokenize(arguments, families);
  add_render(arguments);
  add_perplexity(arguments, families);
  add_inspect(arguments, families);
  add_bench(arguments, families);
  add_verify(arguments, families);
  add_plan(arguments, families);
  add_quantize(arguments, families);
  add_cache(arguments);
  add_embed(arguments, families);
  add_classify(arguments, families);
  add_rerank(arguments, families);
#ifdef TTT_WITH_SERVER
  add_serve(arguments, families);
#endif
  Arguments::Parsed parsed;
  try {
    parsed = arguments.parse(argc, argv);
  } catch (const ttt::Error& e) {
    return report(failure(e.kind(), e.what()));
  }
  if (parsed.run) return run_on_ranks([&] { return outcome_of(parsed.run); });
  if (!leads()) return 0;
  const Outcome said = outcome_of([&] {
    std::fputs(parsed.text.c_str(), stdout);
    return 0;
  });
  return said.status == 0 ? 0 : report(said);
}

}  // namespace

namespace ttt::app {

int run(int argc, char** argv, std::span<const Family> families) {
  install_signal_handlers();
  hold_standard_files();
  // No memory even for the arguments.
  try {
    return run_command(argc, argv, families);
  } catch (const std::bad_alloc&) {
    std::fputs("ttt: error: out of memory\n", stderr);
    return static_cast<int>(ErrorKind::kResources);
  }
}

}  // namespace ttt::app
