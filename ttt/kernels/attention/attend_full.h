#pragma once

#include "kernels/attention/attend.h"

// Attention by its formula, all scores of a query at once; float or double. For FullScores and as the reference.
namespace ttt::kernels {

template <class Real>
void attend_full(Exec& exec, const AttendArgs& args) noexcept;
template <class Real>
std::int64_t attend_full_scratch(const AttendArgs& args, std::int64_t threads) noexcept;

extern template void attend_full<float>(Exec&, const AttendArgs&) noexcept;
extern template void attend_full<double>(Exec&, const AttendArgs&) noexcept;
extern template std::int64_t attend_full_scratch<float>(const AttendArgs&, std::int64_t) noexcept;
extern template std::int64_t attend_full_scratch<double>(const AttendArgs&, std::int64_t) noexcept;

}  // namespace ttt::kernels
