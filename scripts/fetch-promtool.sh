#!/bin/sh
# Puts promtool into a folder, for the tests that check the metrics page with it: usage: fetch-promtool.sh DIR
# Only the program is taken out of Debian's package: installing it would start a Prometheus server.
set -eu

dir=${1:?usage: fetch-promtool.sh DIR}
if [ -x "$dir/promtool" ] || command -v promtool >/dev/null; then
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
if ! apt-get download -q -o APT::Sandbox::User="$(id -un)" prometheus >log 2>&1; then
    cat log >&2
    echo "fetch-promtool: apt-get download prometheus failed; tests that need promtool will be skipped" >&2
    exit 1
fi
dpkg-deb --fsys-tarfile prometheus_*.deb | tar x ./usr/bin/promtool
cd "$OLDPWD"
mkdir -p "$dir"
mv "$work/usr/bin/promtool" "$dir/promtool"
