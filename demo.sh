#!/usr/bin/env bash
# From a bare Debian 12 to text written by SmolLM2: installs what is missing, fetches the model, builds, generates.
# Usage: ./demo.sh [PROMPT [TOKENS]]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=tools/setup.sh
. tools/setup.sh

prompt=${1:-The three most important inventions in history are}
tokens=${2:-64}

install_packages g++ cmake ninja-build libcli11-dev python3-pip ca-certificates
model=$(tools/fetch_model.sh smollm2) || die "no model, no demo"
[ -f "$build_dir/CMakeCache.txt" ] || configure -DTTT_TESTS=OFF
build ttt_tool
say "$build_dir/bin/ttt generate -m $model -p '$prompt' -n $tokens"
exec "$build_dir/bin/ttt" generate -m "$model" -p "$prompt" -n "$tokens"
