#!/usr/bin/env bash
# Sets up as demo.sh does, builds everything, runs the lints and the tests. The last line counts them.
# Usage: ./test.sh          everything
#        ./test.sh NAME     only what NAME names: a folder of tests, a test file, a suite, or another test of ctest
# With CI set, a model that cannot be fetched is a failure; otherwise the tests that need it are skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=tools/setup.sh
. tools/setup.sh

install_packages g++ binutils cmake ninja-build libcli11-dev libgtest-dev libopenmpi-dev openmpi-bin \
  python3-pip ca-certificates
if TTT_SMOLLM2_GGUF=$(tools/fetch_smollm2.sh); then
  export TTT_SMOLLM2_GGUF
else
  unset TTT_SMOLLM2_GGUF
  [ -z "${CI:-}" ] || die "the model could not be fetched, and CI is set"
  say "the model could not be fetched: tests that need it are skipped"
fi
configure -DTTT_TESTS=ON -DTTT_EXAMPLES=ON  # both: examples follow the tests only where neither was set before
exec python3 tests/run.py --build "$build_dir" "$@"
