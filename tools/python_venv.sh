#!/usr/bin/env bash
# Installs what the Python module is built and tested with into a virtual environment below .cache/, and prints the path
# of its Python. Nothing is fetched when it is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=(nanobind==3.1.0 scikit-build-core==1.1.2 numpy==2.4.6 pytest==9.2.0)
directory=.cache/python
stamp=$directory/installed
python=$PWD/$directory/bin/python

if [ "$(cat "$stamp" 2>/dev/null)" != "${packages[*]}" ]; then
  python3 -c 'import sys; sys.exit("Python 3.11 is wanted, got " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
  rm -rf "$directory"
  mkdir -p .cache
  python3 -m venv "$directory" >&2
  "$python" -m pip install --quiet --disable-pip-version-check "${packages[@]}" >&2
  echo "${packages[*]}" >"$stamp"
fi
echo "$python"
