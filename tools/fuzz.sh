#!/usr/bin/env bash
# Builds the fuzz targets of the readers (tests/fuzz) and runs each of them for a while, from the committed seeds.
# Usage: tools/fuzz.sh [SECONDS [TARGET...]]     20 seconds for each target when nothing is said
# What a target finds stays in build-fuzz/found; a mended find is kept as tests/fuzz/seeds/TARGET/NAME, which the ordinary
# tests run. The corpus in build-fuzz/corpus grows from run to run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/setup.sh
. tools/setup.sh

seconds=${1:-20}
[ $# -gt 0 ] && shift
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for folder in tests/fuzz/seeds/*/; do targets+=("$(basename "$folder")"); done
fi
install_packages clang cmake ninja-build
fuzz_dir=build-fuzz
[ -f "$fuzz_dir/CMakeCache.txt" ] || cmake --preset fuzz >&2 || die "configuration failed"
say "building the targets (log: $fuzz_dir/build.log)"
if ! cmake --build "$fuzz_dir" --parallel "$(nproc)" --target "${targets[@]/#/fuzz_}" >"$fuzz_dir/build.log" 2>&1; then
  cat "$fuzz_dir/build.log" >&2
  die "the build failed"
fi

failed=0
for target in "${targets[@]}"; do
  mkdir -p "$fuzz_dir/corpus/$target" "$fuzz_dir/found"
  log="$fuzz_dir/$target.log"
  status=0
  "$fuzz_dir/fuzz/fuzz_$target" -max_total_time="$seconds" -max_len=4096 -rss_limit_mb=2048 -timeout=20 \
    -print_final_stats=1 -artifact_prefix="$fuzz_dir/found/$target-" \
    "$fuzz_dir/corpus/$target" "tests/fuzz/seeds/$target" >"$log" 2>&1 || status=$?
  count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  if [ "$status" -eq 0 ]; then
    printf '%-18s %12s executions, no find\n' "$target" "${count:-0}"
  else
    printf '%-18s %12s executions, FOUND (see %s)\n' "$target" "${count:-0}" "$log"
    failed=1
  fi
done
exit $failed
