#!/bin/sh
# Provides llhttp 9.2 or newer to the build: usage: fetch-llhttp.sh DIR
#
# Debian 13 and later package it (libllhttp-dev): there this script installs nothing and leaves DIR alone.
# Debian 12 has only an older version that lets a bare CR smuggle a header, so the two Debian 13 packages are
# unpacked below DIR/usr. They come through a private apt configuration on the mirror this machine already uses,
# checked with Debian's own keyring; the system's package lists and sources stay as they are.
set -eu

dir=${1:?usage: fetch-llhttp.sh DIR}
suite=trixie

if dpkg -s libllhttp-dev >/dev/null 2>&1; then
    exit 0
fi
if [ -e "$dir/usr/include/llhttp.h" ]; then
    exit 0
fi

# The mirror is the first Debian archive named by the system's own sources.
mirror=$(apt-get indextargets --format '$(SITE) $(ORIGIN)' 2>/dev/null | awk '$2 == "Debian" { print $1; exit }')
if [ -z "$mirror" ]; then
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | awk '/\/debian\/?$/ { print; exit }')
fi
if [ -z "$mirror" ]; then
    echo "fetch-llhttp: no Debian mirror is configured on this machine; install libllhttp-dev 9.2 or newer" >&2
    exit 1
fi
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
if [ ! -e "$keyring" ]; then
    echo "fetch-llhttp: $keyring is missing; install debian-archive-keyring" >&2
    exit 1
fi

mkdir -p "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial" "$dir/apt/etc" "$dir/apt/deb"
dir=$(cd "$dir" && pwd)
echo "deb [signed-by=$keyring] $mirror $suite main" > "$dir/apt/sources.list"
: > "$dir/apt/status"

apt_private() {
    apt-get -q \
        -o Dir::Etc::sourcelist="$dir/apt/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::State::lists="$dir/apt/lists" -o Dir::State::status="$dir/apt/status" \
        -o Dir::Cache="$dir/apt/cache" -o Debug::NoLocking=1 \
        -o APT::Sandbox::User="$(id -un)" "$@"
}

echo "fetch-llhttp: unpacking llhttp from Debian $suite below $dir (the system's apt is left alone)"
apt_private update >/dev/null
(cd "$dir/apt/deb" && apt_private download libllhttp-dev libllhttp9.2 >/dev/null)
for deb in "$dir"/apt/deb/*.deb; do
    dpkg-deb -x "$deb" "$dir"
done
rm -rf "$dir/apt"
test -e "$dir/usr/include/llhttp.h"
