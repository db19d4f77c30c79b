// One block without a model: normalise a row of four numbers.
#include <cstdio>
#include <vector>

#include "base/exec.h"
#include "collectives/self.h"
#include "normalization/rmsnorm.h"

int main() {
  // What is fixed when a block is built: this machine, one rank.
  const ttt::Context context{.traits = ttt::query_device_traits()};

  const std::vector<float> gain(4, 1.0f);
  const ttt::RMSNormSpec spec{.dim = 4, .eps = 1e-6f};
  const ttt::RMSNorm norm(spec, {.weight = ttt::view_of(gain.data(), {4})}, {}, context);

  // What a step may use.
  ttt::ThreadPool threads(context.traits.cores);
  ttt::Scratch scratch(1 << 20);
  ttt::SelfCommunicator self;
  ttt::NoObserver nobody;
  ttt::Exec exec(threads, scratch, self, nobody);

  const std::vector<float> x{1, 2, 3, 4};
  std::vector<float> y(4);
  norm.forward(exec, ttt::view_of(x.data(), {1, 4}), ttt::view_of(y.data(), {1, 4}));
  for (const float v : y) std::printf("%.4f ", v);
  std::printf("\n");
}
