#!/usr/bin/env bash
# run_throughput.sh RUN COMPARISON OUT.ipynb: executes throughput.ipynb on a run's output and a comparison's; fails where a cell does.
# run_throughput.sh --packages: fetches what that needs from PyPI into target/notebooks, once, or says in one line why it cannot.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=$here/../target/notebooks

fail() { echo "$1" >&2; exit 1; }

fetch_packages() {
    local errors
    cmp -s "$here/throughput-requirements.txt" "$venv/requirements.txt" && return
    command -v python3 > /dev/null || fail "no python3"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "$(python3 --version); 3.11 or later is needed"
    python3 -m venv --clear "$venv" > /dev/null 2>&1 || fail "python3 has no venv with pip"
    errors=$("$venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 30 \
        --requirement "$here/throughput-requirements.txt" 2>&1) || fail "$(tail -n 1 <<< "$errors")"
    cp "$here/throughput-requirements.txt" "$venv/requirements.txt"
}

case "$# ${1:-}" in
    "1 --packages") fetch_packages; exit ;;
    "3 "*) fetch_packages ;;
    *) echo "usage: run_throughput.sh RUN COMPARISON OUT.ipynb, or --packages" >&2; exit 2 ;;
esac
NIGHTTRAIN_RUN=$(realpath "$1") NIGHTTRAIN_COMPARISON=$(realpath "$2") MPLBACKEND=module://matplotlib_inline.backend_inline \
    "$venv/bin/jupyter" execute --timeout=120 --output="$(realpath "$3")" "$here/throughput.ipynb"
