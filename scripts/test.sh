#!/usr/bin/env bash
# Everything that CI runs, in three phases, so that nothing compiles while real servers are watched:
# a Sentinel whose loop is late by two seconds does no failover for the next thirty.
#
# A phase that fails does not hide the others. The last line is the sum: "N passed, N failed".
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh

logs=$(mktemp -d)
running=
stop() {
    # `timeout` passes the signal on to everything that it started.
    if [ -n "$running" ]; then kill -TERM "$running" 2>/dev/null; fi
    exit 130
}
trap 'rm -rf "$logs"' EXIT
trap stop INT TERM

passed=0 failed=0 summary=()

# phase NAME LIMIT COMMAND...: runs it, at most that long, and adds up what it says.
phase() {
    local name=$1 limit=$2 log=$logs/${#summary[@]} started=$SECONDS code line out tee
    shift 2
    printf '\n== %s\n' "$name"
    exec {out}> >(tee "$log")
    tee=$!
    timeout --kill-after=10s "$limit" "$@" >&"$out" 2>&1 &
    running=$!
    exec {out}>&-
    wait "$running"
    code=$?
    running=
    let_end "$tee"
    count "$log" "$code"
    line=$(printf '%-16s %4d s   %s' "$name" $((SECONDS - started)) "$(verdict "$code" "$limit")")
    summary+=("$line")
}

# The last lines may still be on their way. Not longer than five seconds: a process that a test left behind
# may hold the pipe open for ever.
let_end() {
    local _
    for _ in {1..50}; do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.1
    done
    echo "test: something that this phase started is still running" >&2
    kill "$1" 2>/dev/null
}

count() {
    local log=$1 code=$2 good bad
    read -r good bad < <(awk '/^test result:/ { for (i = 2; i <= NF; i++) {
        if ($i == "passed;") good += $(i - 1)
        if ($i == "failed;") bad += $(i - 1)
    } } END { print good + 0, bad + 0 }' "$log")
    # A phase that broke without a failed test (it did not compile, crashed, ran out of time) counts as one.
    if [ "$code" != 0 ] && [ "$bad" = 0 ]; then bad=1; fi
    passed=$((passed + good)) failed=$((failed + bad))
}

verdict() {
    case $1 in
        0) echo ok ;;
        124 | 137) echo "FAILED: not done after $2" ;;
        *) echo "FAILED (exit code $1)" ;;
    esac
}

compile() { cargo test --locked --no-run && cargo build --locked; }
export -f compile

phase "compile" 15m bash -c compile
phase "pure" 8m cargo test --locked --no-fail-fast --lib --bins --test pure --test allocations
phase "real servers" 28m cargo test --locked --test promises -- --test-threads=2

printf '\n'
grep -hE '^test .* FAILED$' "$logs"/* 2>/dev/null
printf '%s\n' "${summary[@]}"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
