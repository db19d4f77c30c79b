#include "base/json.h"

#include "fuzz/memory_file.h"
#include "fuzz/targets.h"

namespace ttt::fuzz {

void read_json(std::span<const std::byte> bytes) {
  const Json json = Json::parse(as_text(bytes), "fuzz.json");
  // What was read can be written and read again. NaN is not equal to itself, so the text is compared.
  const std::string once = json.dump(), again = Json::parse(once, "dump").dump();
  require(once == again, ErrorKind::kInternal, "written and read again it is ", again, ", was ", once);
  json.dump(2);
}

}  // namespace ttt::fuzz
