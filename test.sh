#!/usr/bin/env bash
# Sets up as demo.sh does, builds everything, runs the lints and the tests. The last line counts them.
# Usage: ./test.sh          everything
#        ./test.sh NAME     only what NAME names: a folder of tests, a test file, a suite, or another test of ctest
#        ./test.sh fuzz     the fuzz targets of the readers, each for 20 seconds (tools/fuzz.sh)
# With CI set, a model that cannot be fetched is a failure; otherwise the tests that need it are skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=tools/setup.sh
. tools/setup.sh

[ "${1:-}" != fuzz ] || exec tools/fuzz.sh

install_packages g++ binutils cmake ninja-build libcli11-dev libedit-dev libboost1.81-dev libgtest-dev libopenmpi-dev \
  openmpi-bin python3-pip ca-certificates
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
configure -DTTT_TESTS=ON -DTTT_EXAMPLES=ON  # both: examples follow the tests only where neither was set before
exec python3 tests/run.py --build "$build_dir" "$@"
