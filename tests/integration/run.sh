#!/bin/sh
# Runs the integration tests: run.sh [pytest arguments]. JOBS=N sets how many run side by side; each
# has servers of its own (about 1.5 GB). Needs the programs in bin/ (`make build`).
set -eu
cd "$(dirname "$0")"
jobs=${JOBS:-2}
report=${JUNIT:-../../build/integration.xml}
mkdir -p "$(dirname "$report")"
# Debian's Python: a newer one first in PATH would not have the packages.
if [ $# -eq 0 ]; then
  /usr/bin/python3 -m pytest -p no:cacheprovider -q ../tools/tests
fi
exec /usr/bin/python3 -m pytest -p no:cacheprovider --tb=short --durations=5 -q \
  -n "$jobs" --dist loadgroup --junitxml="$report" "$@"
