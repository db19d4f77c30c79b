// Several requests to one engine, whose texts arrive together: each event is printed as "REQUEST TEXT" when it comes.
//   engine MODEL "Once upon a time" "The capital of France is"      MODEL: a Hugging Face directory or a .gguf file
#include "runtime/engine/engine.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <semaphore>
#include <string>
#include <vector>

#include "base/error.h"
#include "collectives/self.h"
#include "models/families.h"
#include "runtime/load_tokenizer.h"

int main(int argc, char** argv) try {
  if (argc < 3) {
    std::fputs("usage: engine MODEL PROMPT...\n", stderr);
    return 2;
  }
  // What an engine needs: a model, its tokenizer, threads, and the group of ranks (here this process alone).
  const std::span<const ttt::Family> families = ttt::families();
  const ttt::LoadOptions load{.context = 1024};
  const ttt::LoadedModel model =
      ttt::load_model(ttt::open_checkpoint(argv[1], ttt::gguf_spellings(families)), families, load);
  const ttt::Tokenizer tokenizer = ttt::load_tokenizer(*model.checkpoint);
  ttt::ThreadPool threads(load.traits.cores);
  std::counting_semaphore<> events(0);  // outlives the engine, whose thread releases it
  ttt::Engine engine(model, tokenizer, threads, ttt::self_communicator(), {.sequences = 8, .speculate = 4});

  // Requests may come at any time and from any thread. Each is computed beside the others, and its result is what it
  // would be alone.
  std::vector<ttt::EngineStream> streams;
  for (int i = 2; i < argc; ++i) {
    ttt::EngineRequest request{.prompt = tokenizer.encode(argv[i]), .max_new_tokens = 32, .stop = {"\n"}};
    if (const std::optional<std::int32_t> end = tokenizer.eos_id()) request.end_ids = {*end};
    streams.push_back(engine.submit(std::move(request), [&events] { events.release(); }));
  }
  // One thread reads all streams. With a thread for each, stream.next() waits for its events.
  while (!std::ranges::all_of(streams, &ttt::EngineStream::done)) {
    events.acquire();
    for (std::size_t i = 0; i < streams.size(); ++i) {
      while (const std::optional<ttt::EngineEvent> event = streams[i].poll()) {
        if (!event->text.empty()) std::printf("%zu %s\n", i, event->text.c_str());
        if (event->error) throw ttt::Error(*event->error);
      }
    }
  }
  engine.drain();
  const ttt::EngineStats stats = engine.stats();
  std::fprintf(stderr, "%lld tokens in %lld steps, %lld of %lld guesses right\n",
               static_cast<long long>(stats.generated_tokens), static_cast<long long>(stats.steps),
               static_cast<long long>(stats.guessed_right), static_cast<long long>(stats.guessed));
  return 0;
} catch (const ttt::Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return static_cast<int>(e.kind());
}
