#pragma once

#include <string_view>
#include <utility>
#include <vector>

namespace ttt {

// First and last code points of the ranges that have a property: a general category ("Lu"), a group of them ("L"), or a
// script ("Han"). Nothing where the name is not known.
std::vector<std::pair<char32_t, char32_t>> property_ranges(std::string_view name);

}  // namespace ttt
