#!/usr/bin/env bash
# From a bare Debian 12 to a page to chat on: installs what is missing, builds the tool, fetches SmolLM2, starts the server.
# Usage: ./serve.sh                            SmolLM2 on http://127.0.0.1:8000
#        ./serve.sh MODEL [OPTIONS]            a .gguf file or a Hugging Face directory, and options of `ttt serve`
#        ./serve.sh -m MODEL --port 9000       the same with options alone
set -euo pipefail
called_from=$PWD  # paths of models are relative to it
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=tools/setup.sh
. tools/setup.sh

model=
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
  model=$1
  shift
fi
own_model=no
for option in "$@"; do
  case $option in
  -m | -m?* | --model | --model=*) own_model=yes ;;
  esac
done

install_packages g++ cmake ninja-build libcli11-dev libboost1.81-dev python3-pip ca-certificates
if [ "$own_model" = no ] && [ -z "$model" ] && [ -z "${TTT_MODEL:-}" ]; then
  model=$(tools/fetch_model.sh smollm2) || die "no model; ./serve.sh MODEL takes another one"
fi
# A folder that was configured before there was Boost is configured again, with the tests that it has.
if [ -f "$build_dir/CMakeCache.txt" ]; then configure -DTTT_SERVER=ON; else configure -DTTT_SERVER=ON -DTTT_TESTS=OFF; fi
build ttt_tool
say "the page is at the address below; Ctrl-C ends the server"
program=$PWD/$build_dir/bin/ttt
cd "$called_from"
exec "$program" serve ${model:+-m "$model"} "$@"
