#include "runtime/image_rows.h"

#include <algorithm>
#include <utility>

#include "base/checked.h"
#include "base/error.h"
#include "checkpoint/config_reader.h"

namespace ttt {
namespace {

constexpr IntegerRange kSides{.min = 1, .max = 1 << 16};

std::string shown(std::span<const std::int64_t> shape) {
  std::string s = "[";
  for (const std::int64_t n : shape) s += text(s.size() > 1 ? ", " : "", n);
  return s + "]";
}

// Height and width: one number for both, or two.
std::pair<std::int64_t, std::int64_t> sides(ConfigReader& config, std::string_view key) {
  const std::vector<std::int64_t> both = config.integers(key, kSides);
  if (both.empty() || both.size() > 2) config.refuse(key, text("wanted one number or two, got ", both.size()));
  return {both.front(), both.back()};
}

}  // namespace

ImageRows image_rows(const Json& json, const std::string& where, std::span<const std::int64_t> shape,
                     std::span<const float> pixels) {
  ConfigReader config(json, where);
  const std::int64_t channels = config.integer("num_channels", 3, kSides);
  const auto [height, width] = sides(config, "image_size");
  const auto [patch_height, patch_width] = sides(config, "patch_size");
  if (shape.size() == 4 && shape[0] == 1) shape = shape.subspan(1);
  const std::int64_t wanted[] = {channels, height, width};
  require(std::ranges::equal(shape, wanted) &&
              static_cast<std::int64_t>(pixels.size()) == checked_product({channels, height, width}, "pixels"),
          ErrorKind::kUsage, "pixels wanted the shape ", shown(wanted), ", got ", shown(shape));
  const std::int64_t down = height / patch_height, across = width / patch_width;
  ImageRows image{.rows = 1 + down * across,
                  .width = checked_product({channels, patch_height, patch_width}, "a patch")};
  image.values.resize(static_cast<std::size_t>(checked_mul(image.rows, image.width, "patches")));
  auto to = image.values.begin() + image.width;
  for (std::int64_t row = 0; row < down; ++row) {
    for (std::int64_t column = 0; column < across; ++column) {
      for (std::int64_t i = 0; i < channels * patch_height; ++i) {
        const std::int64_t c = i / patch_height, y = row * patch_height + i % patch_height;
        to = std::copy_n(pixels.begin() + (c * height + y) * width + column * patch_width, patch_width, to);
      }
    }
  }
  return image;
}

}  // namespace ttt
