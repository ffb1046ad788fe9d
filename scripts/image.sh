#!/bin/sh
# Builds the container image with buildah: usage: image.sh [NAME]   (default: weir)
#
# Where no registry answers, the base image is made on the spot with mmdebstrap from this machine's Debian mirror.
# IMAGE_BASE chooses a base image and skips the question; IMAGE_BASE=mmdebstrap always makes one.
# Steps run in a plain chroot (buildah's --isolation chroot), so that it works inside a container or a CI machine.
set -eu
cd "$(dirname "$0")/.."
name=${1:-weir}
base=${IMAGE_BASE:-}
made=localhost/weir-base:trixie

if [ "$(id -u)" -ne 0 ]; then
    exec sudo IMAGE_BASE="$base" "$PWD/scripts/image.sh" "$name"
fi
scripts/install-deps.sh image

make_base() {
    if buildah inspect --type image "$made" >/dev/null 2>&1; then
        return
    fi
    echo "image: making the base image with mmdebstrap"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mmdebstrap --quiet --variant=minbase trixie "$work/base.tar"
    container=$(buildah from scratch)
    buildah add -q "$container" "$work/base.tar" / >/dev/null
    buildah commit -q --rm "$container" "$made" >/dev/null
}

if [ -z "$base" ]; then
    base=debian:trixie-slim
    if ! buildah inspect --type image "$base" >/dev/null 2>&1 &&
        ! timeout 120 buildah pull -q "$base" >/dev/null 2>&1; then
        echo "image: no registry offers $base here"
        base=mmdebstrap
    fi
fi
if [ "$base" = mmdebstrap ]; then
    make_base
    base=$made
fi

buildah bud --isolation chroot --pull=false --layers=true --build-arg "BASE=$base" -t "$name" .
echo "image: built $name"
