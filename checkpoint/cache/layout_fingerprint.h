#pragma once

#include <string>

namespace ttt {

// Changes whenever this build packs or rounds weights differently from another: a digest of small matrices, packed in
// every grouped format. So a file of the cache that an older version wrote is never taken for one of this version,
// although nobody has to count versions of the layout.
const std::string& layout_fingerprint();

}  // namespace ttt
