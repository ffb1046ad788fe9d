#!/bin/sh
# Installs the Debian packages that a task needs: usage: install-deps.sh [--check] GROUP...
# Groups: build, run, test, browser, image, bench, analyze, fuzz. It names what is missing and why, installs it with apt-get
# (through sudo when not root), and does nothing when nothing is missing. --check only says what is missing.
# Package names: Debian 12 and 13.
set -eu

# group package purpose
table='
build gcc the compiler
build libc6-dev the C library
build make runs the build
build cmake plans the build
build pkgconf finds libraries
build libuv1-dev event loops
build libc-ares-dev look-ups of names
build libjansson-dev JSON documents
build libssl-dev TLS
build libsqlite3-dev what must survive a crash
build libcurl4-openssl-dev a client of etcd
build libyaml-dev AppSpecs of deployments
build uthash-dev hash tables
build libxxhash-dev hashing
run curl shows what to try
test libcmocka-dev unit tests
test python3 whole-program tests
test python3-pytest whole-program tests
test python3-pytest-xdist runs them side by side
test clang the second compiler, for the header rule
test clang-format the layout rule
test curl a client
test python3-boto3 a stock AWS client
test openssl certificates and a TLS client
test procps process figures
test python3-boto3 a client of the Lambda API
test awscli a client of the Lambda API
test etcd-server the store of a fleet
test etcd-client a client of that store
test strace which system calls are made
browser chromium looks at the page of the admin listener
image buildah builds the image
image mmdebstrap makes a base image where no registry is reachable
image python3 the image test
image python3-pytest the image test
bench nginx a proxy to compare with
bench haproxy a proxy to compare with
bench python3 the harness
bench strace system calls per request
bench valgrind instructions per request
analyze clang-tidy static analysis
analyze clang its compiler
analyze cppcheck static analysis
fuzz clang libFuzzer
fuzz libclang-rt-dev libFuzzer and the sanitizers
fuzz llvm readable reports
'

say() {
    echo "install-deps: $1" >&2
}

check_only=no
if [ "${1:-}" = --check ]; then
    check_only=yes
    shift
fi
[ $# -gt 0 ] || {
    say "usage: install-deps.sh [--check] GROUP..."
    exit 2
}

# Debian 13 packages an llhttp that is new enough; on Debian 12 scripts/fetch-llhttp.sh unpacks one, for which apt needs
# the archive's keys.
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
if [ "$codename" = bookworm ]; then
    table="$table
build debian-archive-keyring checks the llhttp that the build fetches"
else
    table="$table
build libllhttp-dev HTTP parsing"
fi

wanted=
for group; do
    lines=$(echo "$table" | grep "^$group " || true)
    [ -n "$lines" ] || {
        say "no group is called $group"
        exit 2
    }
    wanted="$wanted
$lines"
done

if ! command -v dpkg-query >/dev/null; then
    say "this is no Debian system; make sure that it has:"
    echo "$wanted" | sed -n 's/^[a-z]* \([^ ]*\) \(.*\)/  \1 (\2)/p' | sort -u >&2
    exit 0
fi

names=$(echo "$wanted" | awk 'NF { print $2 }' | sort -u)
# shellcheck disable=SC2086 # a list of package names
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $names 2>/dev/null |
    awk '$1 == "installed" { print $2 }')
missing=
for name in $names; do
    echo "$installed" | grep -qx "$name" || missing="$missing $name"
done
[ -n "$missing" ] || exit 0

say "missing for $*:"
for name in $missing; do
    echo "$wanted" | awk -v name="$name" '$2 == name { sub(/^[^ ]* [^ ]* /, ""); print "  " name " (" $0 ")"; exit }' >&2
done
[ "$check_only" = no ] || exit 1

as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        say "not root and no sudo here; as root run: apt-get install -y --no-install-recommends$missing"
        exit 1
    }
    as_root=sudo
fi

# nginx and haproxy are wanted as programs only: their services must not start now or at the next boot.
policy=/usr/sbin/policy-rc.d
made_policy=no
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
    made_policy=yes
fi
finish() {
    if [ "$made_policy" = yes ]; then
        $as_root rm -f "$policy"
    fi
}
trap finish EXIT
trap 'exit 130' INT TERM

log=$(mktemp)
quietly() {
    # shellcheck disable=SC2086 # as_root is empty or one word
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=3 "$@" >"$log" 2>&1 </dev/null
}

say "installing with apt-get"
quietly update || say "apt-get update failed; going on with the package lists at hand"
# shellcheck disable=SC2086 # a list of package names
if ! quietly install -y --no-install-recommends $missing; then
    cat "$log" >&2
    rm -f "$log"
    say "apt-get install failed: see above"
    exit 1
fi
rm -f "$log"
for service in nginx haproxy; do
    case "$missing " in
    *" $service "*)
        if [ -d /run/systemd/system ]; then
            $as_root systemctl disable --quiet "$service" || true
        fi
        ;;
    esac
done
