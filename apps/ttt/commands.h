#pragma once

#include <span>

#include "apps/ttt/arguments.h"
#include "runtime/model.h"

namespace ttt::app {

// Each function adds one subcommand, which runs models of these families. They must outlive the arguments.
void add_generate(Arguments& arguments, std::span<const Family> families);
void add_chat(Arguments& arguments, std::span<const Family> families);
void add_logits(Arguments& arguments, std::span<const Family> families);
void add_tokenize(Arguments& arguments, std::span<const Family> families);
void add_render(Arguments& arguments);  // reads templates only
void add_perplexity(Arguments& arguments, std::span<const Family> families);
void add_inspect(Arguments& arguments, std::span<const Family> families);
void add_bench(Arguments& arguments, std::span<const Family> families);
void add_verify(Arguments& arguments, std::span<const Family> families);
void add_embed(Arguments& arguments, std::span<const Family> families);
void add_classify(Arguments& arguments, std::span<const Family> families);
void add_rerank(Arguments& arguments, std::span<const Family> families);
void add_cache(Arguments& arguments);
void add_quantize(Arguments& arguments, std::span<const Family> families);
void add_plan(Arguments& arguments, std::span<const Family> families);
void add_serve(Arguments& arguments, std::span<const Family> families);  // where the tool is built with the server

}  // namespace ttt::app
