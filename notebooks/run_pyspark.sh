#!/usr/bin/env bash
# run_pyspark.sh OUT: runs the code of pipeline/PYSPARK.md and pyspark_labels.py with jobs/target/nighttrain.jar and the package pyspark of the
# pom's Spark; fails where they do.
# run_pyspark.sh --packages: fetches that (430 MB) from PyPI into target/pyspark, once, or says in one line why it cannot.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/target/pyspark
package=pyspark==$(sed -n 's:.*<spark.version>\(.*\)</spark.version>.*:\1:p' "$root/pom.xml" | head -n 1)

fail() { echo "$1" >&2; exit 1; }

fetch_packages() {
    local errors
    [ "$(cat "$venv/package" 2> /dev/null)" = "$package" ] && return
    command -v python3 > /dev/null || fail "no python3"
    python3 -m venv --clear "$venv" > /dev/null 2>&1 || fail "python3 has no venv with pip"
    errors=$("$venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 30 "$package" 2>&1) \
        || fail "$package: $(tail -n 1 <<< "$errors")"
    echo "$package" > "$venv/package"
}

case "$# ${1:-}" in
    "1 --packages") fetch_packages; exit ;;
    "1 "*) fetch_packages ;;
    *) echo "usage: run_pyspark.sh OUT, or --packages" >&2; exit 2 ;;
esac
rm -rf "$1"
mkdir -p "$1"
out=$(realpath "$1")
cd "$root"
# For queries that run once: to compile and replan them takes longer than all the rest.
SPARK_LOCAL_IP=127.0.0.1 PYSPARK_SUBMIT_ARGS="--master local[2] --conf spark.ui.enabled=false --conf spark.ui.showConsoleProgress=false
    --conf spark.sql.shuffle.partitions=2 --conf spark.sql.adaptive.enabled=false --conf spark.sql.codegen.wholeStage=false
    --conf spark.sql.codegen.factoryMode=NO_CODEGEN pyspark-shell" "$venv/bin/python" notebooks/run_pyspark.py "$out"
