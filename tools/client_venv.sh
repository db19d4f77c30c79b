#!/usr/bin/env bash
# Installs the clients that the server is tested with into a virtual environment below .cache/, and prints the path of
# its Python. Nothing is fetched when they are there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=(openai==3.57.0 litellm==1.110.2 prometheus-client==0.26.0 tokenizers==0.23.3 schemathesis==4.32.5)
directory=.cache/clients
stamp=$directory/installed
python=$PWD/$directory/bin/python

if [ "$(cat "$stamp" 2>/dev/null)" != "${packages[*]}" ]; then
  rm -rf "$directory"
  mkdir -p .cache
  python3 -m venv "$directory" >&2
  "$python" -m pip install --quiet --disable-pip-version-check "${packages[@]}" >&2
  echo "${packages[*]}" >"$stamp"
fi
echo "$python"
