#!/bin/sh
# Submits one order twice, and says whether the second submission changed nothing: exit code 0 only then.
#
# It needs a server and a worker that run already. All settings come from the environment, as for every command of
# idempotence: TEMPORAL_ADDRESS, TASKQUEUE, DATABASE. What is given to this script goes on to `idempotence start`.
# The program is the one that IDEMPOTENCE names, else the one on the PATH, else it is built from this checkout.
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

# Submits the order, and shows what the program says. Leaves the stock before and after it in `before` and `after`.
submit() {
    echo "== submission $1"
    shift
    code=0
    said=$(program start 11235 123456 999 VISA-12345 "$@" 2> "$problems") || code=$?
    [ -z "$said" ] || echo "$said"
    cat "$problems" >&2
    if grep -q 'nothing answers at' "$problems"; then
        echo "this needs a server and a worker that run; the dashboard has both: idempotence" >&2
        exit 1
    fi
    [ "$code" -eq 0 ] || exit "$code"
    before=$(echo "$said" | sed -n 's/^stock before: \(-\{0,1\}[0-9][0-9]*\)$/\1/p')
    after=$(echo "$said" | sed -n 's/^stock after: \(-\{0,1\}[0-9][0-9]*\)$/\1/p')
}

problems=$(mktemp)
trap 'rm -f "$problems"' EXIT

submit 1 "$@"
submit 2 "$@"
if [ -z "$before" ] || [ -z "$after" ]; then
    echo "unknown: the stock cannot be read here; DATABASE must name the file that the worker uses"
    exit 1
elif [ "$before" -ne "$after" ]; then
    echo "WRONG: the second submission changed the stock from $before to $after"
    exit 1
fi
echo "right: the second submission changed nothing, the stock is still $after"
