# Sourced by demo.sh, serve.sh and test.sh: packages, the model, the build directory. Everything it says goes to stderr.
# shellcheck shell=bash

readonly build_dir=build

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# Installs the Debian packages that are missing among its arguments; touches no network when none is.
install_packages() {
  if ! command -v dpkg >/dev/null || ! command -v apt-get >/dev/null; then
    say "not a Debian system; going on with the tools that are here"
    return
  fi
  local missing=() package
  for package in "$@"; do
    dpkg -s "$package" 2>/dev/null | grep -q '^Status: .* installed$' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "run as root, or first install: ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq >&2 || die "apt-get update failed"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
    >&2 || die "apt-get could not install: ${missing[*]}"
}

# Configures build/ for a release with the given cache settings, unless it already has them.
configure() {
  local setting needed=no generator=()
  if [ ! -f "$build_dir/CMakeCache.txt" ]; then
    needed=yes
    command -v ninja >/dev/null && generator=(-G Ninja)
    set -- -DCMAKE_BUILD_TYPE=Release -DTTT_UNITY=ON "$@"
  else
    for setting in "$@"; do
      grep -q "^${setting#-D}\$" <(sed 's/:[A-Z]*=/=/' "$build_dir/CMakeCache.txt") || needed=yes
    done
  fi
  [ "$needed" = no ] && return
  say "configuring $build_dir/"
  cmake -S . -B "$build_dir" "${generator[@]}" "$@" >&2 || die "configuration failed"
}

# Builds the given targets; the full log is shown only if that fails.
build() {
  local log="$build_dir/build.log" targets=() target
  for target in "$@"; do targets+=(--target "$target"); done
  say "building ${*:-everything} (log: $log)"
  if ! cmake --build "$build_dir" --parallel "$(nproc)" "${targets[@]}" >"$log" 2>&1; then
    cat "$log" >&2
    die "the build failed"
  fi
}
