#!/bin/sh
# Lays out the root of the container image: usage: image-root.sh WEIR DIR
# WEIR with the shared libraries it loads, the certificate authorities, a user to run as, and for each Debian package
# that a file came from its licence and its entry for vulnerability scanners. Runs in the Dockerfile's build stage.
set -eu

weir=$1
root=$2

install -d "$root/etc/weir" "$root/etc/ssl/certs" "$root/usr/bin" "$root/usr/lib" "$root/var/lib/dpkg/status.d"
install -d -m 1777 "$root/tmp"
install -d -m 700 "$root/var/lib/weir"
# What a merged-/usr system has: the loader is asked for below /lib64 or /lib.
ln -s usr/lib "$root/lib"
ln -s usr/lib64 "$root/lib64"
install -s -m 755 "$weir" "$root/usr/bin/weir"
install -D -m 644 LICENSE "$root/usr/share/doc/weir/LICENSE"

packages=ca-certificates
# ldd prints "name => /path (address)" for libraries and "/path (address)" for the loader.
for library in $(ldd "$weir" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p'); do
    real=/usr${library#/usr} # the path as dpkg knows it on a merged-/usr system
    install -D -m 755 "$(readlink -f "$library")" "$root$real"
    packages="$packages $(dpkg-query -S "$(readlink -f "$library")" | sed 's/: .*//')"
done

cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
install -d "$root/usr/lib/ssl"
ln -s /etc/ssl/certs "$root/usr/lib/ssl/certs"
ln -s /etc/ssl/certs/ca-certificates.crt "$root/usr/lib/ssl/cert.pem"
echo 'root:x:0:0:root:/:/sbin/nologin
weir:x:65532:65532:weir:/:/sbin/nologin' >"$root/etc/passwd"
echo 'root:x:0:
weir:x:65532:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
cp /etc/os-release "$root/etc/os-release"

for package in $(printf '%s\n' $packages | sort -u); do
    name=${package%%:*}
    install -d "$root/usr/share/doc/$name"
    cp -L "/usr/share/doc/$name/copyright" "$root/usr/share/doc/$name/copyright"
    dpkg-query -s "$package" >"$root/var/lib/dpkg/status.d/$name"
done
