#!/usr/bin/env bash
# run_throughput.sh RUN COMPARISON OUT.ipynb: executes throughput.ipynb on a run's output and a comparison's; fails where a cell does.
# The packages come from PyPI into target/notebooks, once.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
(($# == 3)) || { echo "usage: run_throughput.sh RUN COMPARISON OUT.ipynb" >&2; exit 2; }
venv=$here/../target/notebooks
if ! cmp -s "$here/throughput-requirements.txt" "$venv/requirements.txt"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/throughput-requirements.txt"
    cp "$here/throughput-requirements.txt" "$venv/requirements.txt"
fi
NIGHTTRAIN_RUN=$(realpath "$1") NIGHTTRAIN_COMPARISON=$(realpath "$2") MPLBACKEND=module://matplotlib_inline.backend_inline \
    "$venv/bin/jupyter" execute --timeout=120 --output="$(realpath "$3")" "$here/throughput.ipynb"
