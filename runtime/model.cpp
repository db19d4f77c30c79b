#include "runtime/model.h"

#include "base/error.h"

namespace ttt {

void Model::encode(Exec&, const Step&) const {
  fail(ErrorKind::kUnsupported, "encode wanted a model with an encoder and a decoder, got one without");
}

}  // namespace ttt
