#pragma once

#include <cstdint>
#include <memory>

#include "collectives/communicator.h"

namespace ttt {

// The ranks of a group as a mesh of rows x columns: rank r is in row r / columns and column r % columns. A block
// that is given one of the two communicators is split along that direction alone; the blocks of other rows, or columns,
// work at the same time. Collectives of the two directions are called in the same order by all ranks.
struct Mesh {
  std::int64_t rows = 1, columns = 1;
  std::int64_t row = 0, column = 0;                 // of this rank
  std::unique_ptr<Communicator> along_row = {};     // the ranks of this row, by column; messages say "[row 1]"
  std::unique_ptr<Communicator> along_column = {};  // the ranks of this column, by row; "[column 2]"
};

// All ranks call it. Error{kUsage} unless rows * columns are the ranks of `all`, which must outlive the mesh.
Mesh make_mesh(Communicator& all, std::int64_t rows, std::int64_t columns);

}  // namespace ttt
