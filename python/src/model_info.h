#pragma once

#include "base/json.h"
#include "python/src/model.h"

namespace ttt::python {

// What was loaded and decided: the checkpoint, the configuration, sizes, choices, the memory of a run.
Json info_of(PyModel& model);

// Every place of the model, in the order in which a step writes them, with its block and the shape of what it writes.
// Extents that depend on the step are the names "rows", "wanted rows" and "source rows".
Json places_of(PyModel& model);

}  // namespace ttt::python
