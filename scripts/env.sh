# Where the tools are, for a shell that was started with next to no environment. Sourced, never run.
# It sets nothing that is set already, but for the folders it adds to PATH.

if [ -z "${HOME:-}" ]; then
    HOME=$(getent passwd "$(id -u)" 2>/dev/null | cut -d: -f6)
    export HOME="${HOME:-/root}"
fi
# cargo may live in the home folder only; haproxy and nutcracker are in sbin, which is not in everybody's PATH.
PATH="${PATH:-/usr/local/bin:/usr/bin:/bin}:${CARGO_HOME:-$HOME/.cargo}/bin:/usr/local/sbin:/usr/sbin:/sbin"
export PATH
