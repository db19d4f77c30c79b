// The same as logits.cpp, on the ranks that mpirun starts: each holds a part of the model.
//   mpirun -n 2 logits_over_mpi MODEL 1 17 93
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/error.h"
#include "collectives/mpi.h"
#include "models/families.h"
#include "runtime/session.h"

namespace {

void print_logits(const char* model, const std::vector<std::int32_t>& ids, ttt::Communicator& ranks) {
  ttt::Session session(model, ttt::families(), {.threads = 1}, ranks);
  ttt::Sequence sequence = session.runner().create();
  const std::span<const float> logits = session.runner().extend(sequence, ids);  // all ranks have all of them
  if (ranks.rank() != 0) return;
  for (const float logit : logits) std::printf("%.9g\n", logit);
}

void say(const std::string& message) { std::fprintf(stderr, "%s\n", message.c_str()); }

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 3) {
    std::fputs("usage: logits_over_mpi MODEL ID...\n", stderr);
    return 2;
  }
  std::vector<std::int32_t> ids;
  for (int i = 2; i < argc; ++i) ids.push_back(std::atoi(argv[i]));
  return ttt::run_on_mpi([&](ttt::Communicator& ranks) { print_logits(argv[1], ids, ranks); }, say);
} catch (const ttt::Error& e) {  // MPI did not start
  say(e.what());
  return static_cast<int>(e.kind());
}
