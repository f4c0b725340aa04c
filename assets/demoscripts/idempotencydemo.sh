#!/bin/sh
# Submits one order twice. The exit code is 0 only if the second submission changed nothing.
#
# A server and a worker must be running. All settings come from the environment, as for every command of idempotence:
# TEMPORAL_ADDRESS, TASKQUEUE, DATABASE. This script passes its arguments to `idempotence start`. It uses the program
# that IDEMPOTENCE names, or the one on the PATH, or builds one from this checkout.
set -eu

checkout=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)

program() {
    if [ -n "${IDEMPOTENCE:-}" ]; then
        "$IDEMPOTENCE" "$@"
    elif command -v idempotence > /dev/null; then
        idempotence "$@"
    else
        cargo run --release --quiet --manifest-path "$checkout/Cargo.toml" -- "$@"
    fi
}

# Submits the order and prints the program's output. Sets `before` and `after` to the stock before and after it.
submit() {
    echo "== submission $1"
    shift
    code=0
    output=$(program start 11235 123456 999 VISA-12345 "$@" 2> "$problems") || code=$?
    [ -z "$output" ] || echo "$output"
    cat "$problems" >&2
    if grep -q 'nothing answers at' "$problems"; then
        echo "start a server and a worker first; the dashboard starts both: idempotence" >&2
        exit 1
    fi
    [ "$code" -eq 0 ] || exit "$code"
    before=$(echo "$output" | sed -n 's/^stock before: \(-\{0,1\}[0-9][0-9]*\)$/\1/p')
    after=$(echo "$output" | sed -n 's/^stock after: \(-\{0,1\}[0-9][0-9]*\)$/\1/p')
}

problems=$(mktemp)
trap 'rm -f "$problems"' EXIT

submit 1 "$@"
submit 2 "$@"
if [ -z "$before" ] || [ -z "$after" ]; then
    echo "unknown: the stock cannot be read; set DATABASE to the file that the worker uses"
    exit 1
elif [ "$before" -ne "$after" ]; then
    echo "WRONG: the second submission changed the stock from $before to $after"
    exit 1
fi
echo "right: the second submission changed nothing, the stock is still $after"
