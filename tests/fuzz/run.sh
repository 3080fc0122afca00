#!/usr/bin/env bash
# Runs every fuzz target for a while: run.sh BUILD SECONDS JOBS. What they find, learn and say stays below BUILD.
set -euo pipefail
build=$1 seconds=$2 jobs=$3
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$build"/{corpus,found,logs}
/usr/bin/python3 "$here/seed_corpora.py" "$build/seeds" > "$build/logs/seeds.log"

run_one() {
  local build=$1 seconds=$2 program=$3 name log
  name=$(basename "$program")
  log=$build/logs/$name.log
  mkdir -p "$build/corpus/$name" "$build/seeds/$name"
  # Read from all folders, written to the first.
  if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -print_final_stats=1 \
      -artifact_prefix="$build/found/$name-" "$build/corpus/$name" "$build/seeds/$name" > "$log" 2>&1; then
    echo "$name: ok, $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs"
  else
    tail -n 60 "$log"
    echo "$name: FAILED, see $log and $build/found/"
    return 1
  fi
}
export -f run_one
printf '%s\n' "$build"/bin/*_fuzz | xargs -P "$jobs" -I{} bash -c 'run_one "$@"' _ "$build" "$seconds" {}
