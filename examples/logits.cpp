// A model and token ids in, logits out: prints one for each token of the vocabulary, of what comes after the last id.
//   logits MODEL 1 17 93          MODEL: a Hugging Face directory or a .gguf file
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/error.h"
#include "models/families.h"
#include "runtime/session.h"

int main(int argc, char** argv) try {
  if (argc < 3) {
    std::fputs("usage: logits MODEL ID...\n", stderr);
    return 2;
  }
  ttt::Session session(argv[1], ttt::families());
  std::vector<std::int32_t> ids;
  for (int i = 2; i < argc; ++i) ids.push_back(std::atoi(argv[i]));

  ttt::Sequence sequence = session.runner().create();
  for (const float logit : session.runner().extend(sequence, ids)) std::printf("%.9g\n", logit);
  return 0;
} catch (const ttt::Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return static_cast<int>(e.kind());
}
