#!/bin/sh
# Makes the README's pictures from the shipped recordings, in this folder or in the folder $1. It uses the program that
# IDEMPOTENCE names, or the one on the PATH, or builds one from this checkout.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here}
export_picture() {
    if [ -n "${IDEMPOTENCE:-}" ]; then "$IDEMPOTENCE" export "$@"
    elif command -v idempotence > /dev/null; then idempotence export "$@"
    else cargo run --quiet --manifest-path "$here/../../Cargo.toml" -- export "$@"
    fi
}
export_picture dashboard --when 'written, not acknowledged' --at 0.6 --size 100x30 --svg "$out/dashboard.svg"
export_picture dashboard --when 'replayed the result of #1' --size 100x18 --svg "$out/timeline.svg"
export_picture dashboard --when 'B7 came in between' --size 100x30 --svg "$out/guards.svg"
export_picture watch --when '#3 ○ in' --at 1 --size 100x24 --svg "$out/watch.svg"
export_picture walkthrough --when 'The retry took the 999 units' --size 100x30 --svg "$out/walkthrough.svg"
export_picture walkthrough --when 'The supplier got two orders' --size 100x30 --svg "$out/supplier.svg"
