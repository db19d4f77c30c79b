#pragma once

#include "apps/ttt/arguments.h"

namespace ttt::app {

// Each adds one sub-command.
void add_generate(Arguments& arguments);
void add_logits(Arguments& arguments);
void add_tokenize(Arguments& arguments);
void add_perplexity(Arguments& arguments);
void add_inspect(Arguments& arguments);
void add_bench(Arguments& arguments);
void add_verify(Arguments& arguments);
void add_plan(Arguments& arguments);

}  // namespace ttt::app
