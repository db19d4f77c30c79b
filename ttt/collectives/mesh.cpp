#include "collectives/mesh.h"

#include "base/error.h"

namespace ttt {

Mesh make_mesh(Communicator& all, std::int64_t rows, std::int64_t columns) {
  require(rows >= 1 && columns >= 1 && all.ranks() % rows == 0 && all.ranks() / rows == columns, ErrorKind::kUsage,
          "mesh wanted rows times columns to be ", all.ranks(), " ranks, got ", rows, " times ", columns);
  Mesh mesh{.rows = rows, .columns = columns, .row = all.rank() / columns, .column = all.rank() % columns};
  mesh.along_row = all.split("row", mesh.row, mesh.column);
  mesh.along_column = all.split("column", mesh.column, mesh.row);
  return mesh;
}

}  // namespace ttt
