#!/bin/sh
# Provides llhttp 9.2 or newer to the build: usage: fetch-llhttp.sh DIR
#
# Debian 13 and later package it (libllhttp-dev): where such a version is installed, this script leaves DIR alone.
# Debian 12 has only an older version that lets a bare CR smuggle a header, so the two Debian 13 packages are
# unpacked below DIR/usr. They come through a private apt configuration on the mirror this machine already uses,
# checked with Debian's own keyring; the system's package lists and sources stay as they are.
set -eu

dir=${1:?usage: fetch-llhttp.sh DIR}
suite=trixie
needed=9.2

fail() {
    echo "fetch-llhttp: $1" >&2
    exit 1
}

if [ -e "$dir/usr/include/llhttp.h" ]; then
    exit 0
fi
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
    fail "this is no Debian system; install llhttp $needed or newer with its header and static library"
installed=$(dpkg-query -W -f '${db:Status-Status} ${Version}' libllhttp-dev 2>/dev/null || true)
case $installed in
"installed "*)
    if dpkg --compare-versions "${installed#installed }" ge "$needed"; then
        exit 0
    fi
    ;;
esac

# The main archive among the system's own sources: the one that has this release's plain suite, not the security archive
# or a third party's.
. /etc/os-release
mirror=$(apt-get indextargets --format '$(SITE) $(ORIGIN) $(CODENAME)' 2>/dev/null |
    awk -v suite="${VERSION_CODENAME:-}" '$2 == "Debian" && $3 == suite { print $1; exit }')
if [ -z "$mirror" ]; then # package lists are not fetched yet: the origin is unknown, the address is not
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null |
        awk '/\/debian\/?$/ { print; exit }')
fi
[ -n "$mirror" ] || fail "no Debian mirror is configured on this machine; install libllhttp-dev $needed or newer"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e "$keyring" ] || fail "$keyring is missing; install debian-archive-keyring"

# Two configure runs may come here at once: the second waits, then finds the work done.
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
exec 9>"$dir/lock"
flock 9
if [ -e "$dir/usr/include/llhttp.h" ]; then
    exit 0
fi
work=$dir/work
rm -rf "$work"
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/deb" "$work/root"
echo "deb [signed-by=$keyring] $mirror $suite main" >"$work/sources.list"
: >"$work/status"

apt_private() {
    apt-get -q \
        -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::State::lists="$work/lists" -o Dir::State::status="$work/status" \
        -o Dir::Cache="$work/cache" -o Debug::NoLocking=1 -o Acquire::Retries=3 \
        -o APT::Sandbox::User="$(id -un)" "$@" >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        fail "apt-get $1 failed for Debian $suite: see above"
    }
}

echo "fetch-llhttp: unpacking llhttp from Debian $suite below $dir (the system's apt is left alone)"
apt_private update
(cd "$work/deb" && apt_private download libllhttp-dev libllhttp9.2)
for deb in "$work"/deb/*.deb; do
    dpkg-deb -x "$deb" "$work/root"
done
[ -e "$work/root/usr/include/llhttp.h" ] || fail "the packages hold no llhttp.h"
mv "$work/root/usr" "$dir/usr"
