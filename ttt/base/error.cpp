#include "base/error.h"

namespace ttt {

void fail(ErrorKind kind, const std::string& message) { throw Error(kind, message); }

}  // namespace ttt
