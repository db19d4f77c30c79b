#include "apps/ttt/commands.h"
namespace ttt::app {
void add_plan(CLI::App&, Run&) {}
}  // namespace ttt::app
