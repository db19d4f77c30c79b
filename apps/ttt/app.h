#pragma once

#include <span>

#include "runtime/model.h"

namespace ttt::app {

// The command line tool as a function: parses the arguments, runs their command on models of `families`,
// writes to stdout and stderr, and returns the status to exit with (`--help` lists them). To be called once, from main:
// the function installs handlers for SIGHUP, SIGINT, SIGTERM and SIGBUS, ignores SIGXFSZ, opens /dev/null where stdin,
// stdout or stderr is closed, and starts MPI where mpirun has started the process.
int run(int argc, char** argv, std::span<const Family> families);

}  // namespace ttt::app
