#!/bin/sh
# A unit's sandbox without systemd: usage: sandbox.sh FOLDER PYTHON UNIT WEIR COMMAND ARGUMENT...; as root, in a mount namespace of its own.
#
# The file system is read-only but for FOLDER/log, which becomes /mnt/log; FOLDER is seen at /mnt/etc and WEIR is /mnt/bin/weir; homes and /tmp
# are empty; /dev has only what PrivateDevices= leaves; /proc shows only what ProcSubset=pid and ProtectProc=invisible do. COMMAND runs as nobody
# with no capability but CAP_NET_BIND_SERVICE, without a way to gain privileges, under the unit's seccomp filter. It keeps this process' number.
set -eu
folder=$1
python=$2
unit=$3
weir=$4
shift 4

mount -t tmpfs -o mode=0755 tmpfs /mnt
mkdir /mnt/etc /mnt/log /mnt/bin /mnt/dev /mnt/harness /mnt/harness/harness /mnt/empty
mount --bind "$folder" /mnt/etc
mount --bind "$folder/log" /mnt/log
cp "$weir" /mnt/bin/weir
cp "$unit" /mnt/harness/unit
cp "${0%/*}/seccomp.py" "${0%/*}/systemd.py" /mnt/harness/harness
for device in null zero full random urandom; do
    : >"/mnt/dev/$device"
    mount --bind "/dev/$device" "/mnt/dev/$device"
done
mount --rbind /mnt/dev /dev
for hidden in /home /root /tmp; do
    mount --bind /mnt/empty "$hidden"
done
mount -t proc -o subset=pid,hidepid=invisible proc /proc
mount -o remount,bind,ro /mnt/etc
awk '{ print $2 }' /proc/self/mounts | sort -u | while read -r place; do
    case $place in
    /mnt/log | /dev/* | /mnt/dev/* | /proc) ;;
    *) mount -o remount,bind,ro "$place" 2>/dev/null || true ;;
    esac
done
cd /
umask 0077
exec setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all,+net_bind_service \
    --inh-caps=-all,+net_bind_service --ambient-caps=-all,+net_bind_service --no-new-privs \
    "$python" /mnt/harness/harness/seccomp.py /mnt/harness/unit "$@"
