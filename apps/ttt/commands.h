#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace ttt::app {

// Adds one sub-command. What it does when chosen is put into `run`, which returns the exit status.
using Run = std::function<int()>;
void add_generate(CLI::App& app, Run& run);
void add_logits(CLI::App& app, Run& run);
void add_tokenize(CLI::App& app, Run& run);
void add_perplexity(CLI::App& app, Run& run);
void add_inspect(CLI::App& app, Run& run);
void add_bench(CLI::App& app, Run& run);
void add_verify(CLI::App& app, Run& run);
void add_plan(CLI::App& app, Run& run);

}  // namespace ttt::app
