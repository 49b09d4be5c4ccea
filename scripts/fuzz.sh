#!/usr/bin/env bash
# Runs every fuzz target for some seconds. cargo-fuzz is installed here and nowhere else: it compiles for minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh
seconds=${1:-60}

if ! command -v c++ >/dev/null; then
    echo "fuzz: a C++ compiler is missing, libFuzzer is written in it; on Debian: apt-get install g++" >&2
    exit 1
fi

if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "fuzz: installing cargo-fuzz"
    cargo install --locked --quiet cargo-fuzz
fi
for target in $(cargo fuzz list); do
    echo "fuzz: $target for $seconds s"
    # Without a sanitizer the pinned stable toolchain will do; Ketch's parsers are safe Rust.
    cargo fuzz run --sanitizer none "$target" -- -max_total_time="$seconds"
done
