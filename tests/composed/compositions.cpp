#include "composed/compositions.h"

#include <string_view>

#include "composed/models.h"

namespace ttt::composed {

std::span<const Family> families() {
  static constexpr std::string_view kOlmo2[] = {"olmo2"};
  static const Family all[] = {{.model_types = kOlmo2, .make = make_olmo2}};
  return all;
}

}  // namespace ttt::composed
