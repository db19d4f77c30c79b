#pragma once

#include <CLI/CLI.hpp>

namespace ttt::app {

// Before any option is added: of an option given twice the last counts.
void let_the_last_win(CLI::App& app);

// After all are: an option for a number takes one number of its type and nothing else. By itself CLI11 reads "" as 0
// and a number that is too large as the largest.
void check_numbers(CLI::App& app);

}  // namespace ttt::app
