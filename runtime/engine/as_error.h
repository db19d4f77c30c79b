#pragma once

#include <exception>
#include <new>

#include "base/error.h"

namespace ttt {

// What ended a piece of work, for those who asked for the work: an Error keeps its kind, and memory that ended is
// kResources, never a defect of the library.
inline Error as_error(const std::exception& e) {
  if (const auto* own = dynamic_cast<const Error*>(&e)) return *own;
  if (dynamic_cast<const std::bad_alloc*>(&e) != nullptr) return {ErrorKind::kResources, "out of memory"};
  return {ErrorKind::kInternal, e.what()};
}

}  // namespace ttt
