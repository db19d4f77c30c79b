#!/usr/bin/env bash
# Finds or builds other engines below .cache/peers/ and prints, one a line, NAME and where it is: what compare.py runs.
# Usage: bench/peers/get.sh [llama.cpp] [ik_llama.cpp] [openvino] [pytorch]      all four where none is named
#   TTT_PEER_LLAMA_CPP, TTT_PEER_IK_LLAMA_CPP   a directory of its sources; else they are cloned from GitHub
# What is there is not fetched again. An engine that cannot be had is named on stderr, and the others are made.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

peers=$PWD/.cache/peers
mkdir -p "$peers"
[ $# -gt 0 ] || set -- llama.cpp ik_llama.cpp openvino pytorch

# NAME ADDRESS SOURCES [CMake options]: llama-batched-bench and llama-server of a fork of llama.cpp.
llama() {
  local name=$1 address=$2 sources=$3 built=$peers/$1/build
  shift 3
  if [ ! -x "$built/bin/llama-batched-bench" ]; then
    if [ -z "$sources" ]; then
      sources=$peers/$name/sources
      [ -d "$sources" ] || git clone --quiet --depth 1 "$address" "$sources" >&2
    fi
    cmake -S "$sources" -B "$built" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DGGML_NATIVE=ON \
      -DLLAMA_CURL=OFF -DLLAMA_BUILD_TESTS=OFF "$@" >"$peers/$name.log" 2>&1
    cmake --build "$built" --parallel "$(nproc)" --target llama-batched-bench llama-server >>"$peers/$name.log" 2>&1
  fi
  echo "$name $built/bin"
}

# NAME PACKAGES...: a virtual environment.
environment() {
  local name=$1 directory=$peers/$1
  shift
  if [ "$(cat "$directory/installed" 2>/dev/null)" != "$*" ]; then
    rm -rf "$directory"
    python3 -m venv "$directory" >&2
    "$directory/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >&2
    echo "$*" >"$directory/installed"
  fi
  echo "$name $directory/bin/python"
}

failed=0
for name in "$@"; do
  case $name in
    llama.cpp) get=(llama llama.cpp https://github.com/ggml-org/llama.cpp "${TTT_PEER_LLAMA_CPP:-}") ;;
    ik_llama.cpp) get=(llama ik_llama.cpp https://github.com/ikawrakow/ik_llama.cpp "${TTT_PEER_IK_LLAMA_CPP:-}") ;;
    openvino) get=(environment openvino openvino-genai==2026.2.0 openvino==2026.2.0 openvino-tokenizers==2026.2.0.0 numpy) ;;
    pytorch) get=(environment pytorch torch transformers==5.24.0 gguf numpy) ;;
    *)
      echo "get.sh: no peer is called $name; there are llama.cpp, ik_llama.cpp, openvino and pytorch" >&2
      exit 2
      ;;
  esac
  # A shell of its own, since set -e does not end a function that is part of a condition.
  if ! (set -e; "${get[@]}"); then
    echo "get.sh: $name could not be had${peers:+ (log, if it was built: .cache/peers/$name.log)}" >&2
    failed=1
  fi
done
exit $failed
