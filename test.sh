#!/usr/bin/env bash
# Sets up as demo.sh does, builds everything, runs the lints and the tests. The last line counts them.
# Usage: ./test.sh          everything
#        ./test.sh NAME     only what NAME names: a folder of tests, a test file, a suite, or another test of ctest
#        ./test.sh fuzz     the fuzz targets of the readers, each for 20 seconds (tools/fuzz.sh)
#        ./test.sh --long   everything, with half an hour of load on the server
# With CI set, a model that cannot be fetched is a failure; otherwise the tests that need it are skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=tools/setup.sh
. tools/setup.sh

[ "${1:-}" != fuzz ] || exec tools/fuzz.sh
if [ "${1:-}" = --long ]; then
  export TTT_LONG_SECONDS=1800
  shift
fi

install_packages g++ binutils cmake ninja-build libcli11-dev libedit-dev libboost1.81-dev libgtest-dev libopenmpi-dev \
  openmpi-bin python3-dev python3-pip python3-venv python3-jsonschema ca-certificates
for browser in chromium chromium-browser google-chrome chromium-headless-shell; do
  ! command -v "$browser" >/dev/null || break
done
command -v "$browser" >/dev/null || install_packages chromium-headless-shell  # for the tests of the page
for model in smollm2 gemma3 minilm; do
  variable=TTT_${model^^}_GGUF
  [ "$model" != minilm ] || variable=TTT_MINILM  # a directory
  if path=$(tools/fetch_model.sh "$model"); then
    export "$variable=$path"
  else
    unset "$variable"
    [ -z "${CI:-}" ] || die "$model could not be fetched, and CI is set"
    say "$model could not be fetched: tests that need it are skipped"
  fi
done
if path=$(tools/client_venv.sh); then
  export TTT_CLIENT_PYTHON=$path
else
  [ -z "${CI:-}" ] || die "the clients of the server could not be installed, and CI is set"
  say "the clients of the server could not be installed: tests that need them are skipped"
fi
with_python=(-DTTT_PYTHON=OFF)
if path=$(tools/python_venv.sh); then
  with_python=(-DTTT_PYTHON=ON "-DPython_EXECUTABLE=$path")
else
  [ -z "${CI:-}" ] || die "what the Python module is tested with could not be installed, and CI is set"
  say "what the Python module is tested with could not be installed: its tests are skipped"
fi
configure -DTTT_TESTS=ON -DTTT_EXAMPLES=ON "${with_python[@]}"  # both: examples follow the tests only where neither was set before
exec python3 tests/run.py --build "$build_dir" "$@"
