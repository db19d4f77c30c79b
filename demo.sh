#!/usr/bin/env bash
# From a bare Debian 12 to an answer of SmolLM2: installs what is missing, fetches the model, builds the tool, asks.
# Usage: ./demo.sh [QUESTION...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=tools/setup.sh
. tools/setup.sh

question=${*:-What is the capital of France? Answer in one sentence.}

install_packages g++ cmake ninja-build libcli11-dev libedit-dev python3-pip ca-certificates
model=$(tools/fetch_model.sh smollm2) || die "no model, no demo"
[ -f "$build_dir/CMakeCache.txt" ] || configure -DTTT_TESTS=OFF
build ttt_tool
say "asking: $question"
say "a conversation: $build_dir/bin/ttt chat -m $model"
exec "$build_dir/bin/ttt" chat -m "$model" --message "$question" -n 256
