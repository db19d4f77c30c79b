// Runs a model of a family outside the library's tree: it is built from a configuration, planned without data, and
// generated from by the library's runtime. The weights are made up.
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "collectives/self.h"
#include "runtime/generate.h"
#include "runtime/random_source.h"
#include "tiny.h"

constexpr std::string_view kConfig = R"({"model_type": "tiny", "vocab_size": 50, "hidden_size": 64, "num_heads": 4,
                                         "ffn_size": 96, "num_layers": 2})";

int main() try {
  ttt::LoadOptions options{.traits = ttt::query_device_traits(), .context = 64};
  ttt::ThreadPool threads(options.traits.cores);
  options.parallel_for = threads;
  ttt::RandomSource weights(ttt::Format::kF32, options.parallel_for);
  const ttt::BuiltModel built =
      ttt::build_model(tiny_family(), ttt::Json::parse(kConfig, "tiny"), "tiny", weights, options);
  for (const ttt::BlockRecord& block : built.tree->blocks) {
    std::printf("%-20s %s\n", std::string(block.place.path).c_str(), block.block.c_str());
  }

  ttt::NoObserver nobody;
  ttt::Runner runner(built, threads, ttt::self_communicator(), nobody, {.context = built.context});
  const std::vector<std::int32_t> prompt{1, 2, 3};
  const ttt::Generated text = ttt::generate(runner, prompt, {.max_new_tokens = 16}, [](std::int32_t id) {
    std::printf("%d ", id);
    return true;
  });
  std::printf("\n");
  return text.ids.size() == 16 ? 0 : 1;
} catch (const ttt::Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return static_cast<int>(e.kind());
}
