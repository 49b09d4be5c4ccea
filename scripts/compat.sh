#!/usr/bin/env bash
# The test suites that others wrote, against bare redis-servers and through Ketch: see docs/compatibility.md.
# `scripts/compat.sh --help` tells the options; `--quick` ends within ten minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh

if ! command -v tclsh8.6 >/dev/null 2>&1; then
    command -v apt-get >/dev/null 2>&1 || { echo "compat: Tcl 8.6 (tclsh8.6) is missing; install it" >&2; exit 1; }
    root=()
    if [ "$(id -u)" != 0 ]; then root=(sudo); fi
    echo "compat: installing by apt-get: tcl8.6"
    "${root[@]}" bash scripts/apt-install.sh "" tcl8.6
fi
exec python3 -u tests/compat/run.py "$@"
