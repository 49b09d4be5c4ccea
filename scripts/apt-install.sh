#!/usr/bin/env bash
# Installs Debian packages without letting their services start. Needs root; called by setup.sh.
#
#   apt-install.sh "SERVICE ..." "PACKAGE ..."
#
# Debian asks /usr/sbin/policy-rc.d before it starts a service. While apt-get runs, ours stands there and
# refuses the new services; every other question goes to the one that stood there before, if any.
set -euo pipefail
services=$1
read -ra packages <<<"$2"

POLICY=/usr/sbin/policy-rc.d
KEPT=$POLICY.before-ketch

new_services() {
    local service package
    for service in $services; do
        for package in "${packages[@]}"; do
            if [ "$service" = "$package" ]; then echo "$service"; fi
        done
    done
}

refuse_to_start() {
    if [ -e "$POLICY" ] || [ -L "$POLICY" ]; then mv "$POLICY" "$KEPT"; fi
    trap put_back EXIT
    # Asked as `policy-rc.d [options] SERVICE[.service] ACTION [RUNLEVEL]`; 101 means: do not.
    cat >"$POLICY" <<POLICY
#!/bin/sh
for word in "\$@"; do
    case " $* " in *" \${word%.service} "*) exit 101 ;; esac
done
if [ -x $KEPT ]; then exec $KEPT "\$@"; fi
exit 0
POLICY
    chmod 755 "$POLICY"
}

put_back() {
    rm -f "$POLICY"
    if [ -e "$KEPT" ] || [ -L "$KEPT" ]; then mv "$KEPT" "$POLICY"; fi
}

mapfile -t new < <(new_services)
# An earlier run that was killed may have left the two files.
if [ -e "$KEPT" ]; then put_back; fi
if [ "${#new[@]}" -gt 0 ]; then refuse_to_start "${new[@]}"; fi

export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -q -o DPkg::Lock::Timeout=300)
"${apt[@]}" update
"${apt[@]}" install -y --no-install-recommends "${packages[@]}"

# Nor shall they start at the next boot: Ketch's tests start servers of their own.
if [ -d /run/systemd/system ]; then
    for service in "${new[@]}"; do
        systemctl disable --quiet "$service" || echo "setup: could not disable the service $service" >&2
    done
fi
