// The tool with families of one's own beside those of the library.
#include <vector>

#include "apps/ttt/app.h"
#include "models/families.h"
#include "tiny.h"
#include "tiny_encoder.h"

int main(int argc, char** argv) {
  std::vector<ttt::Family> families(ttt::families().begin(), ttt::families().end());
  families.push_back(tiny_family());
  families.push_back(tiny_encoder_family());
  return ttt::app::run(argc, argv, families);
}
