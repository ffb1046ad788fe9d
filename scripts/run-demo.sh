#!/bin/bash
# `make run`: builds weir, starts it on port 8080 in front of two demo endpoints, and says what to try. Ctrl-C ends all three.
# Its documents are copies of examples/ in build/run/, which is made anew at each start, so that they can be edited freely.
set -eu
unset MAKEFLAGS MAKELEVEL
cd "$(dirname "$0")/.."

demo_ports="9001 9002"
data=127.0.0.1:8080
admin=127.0.0.1:9901
run=build/run

# A listening socket's line in /proc/net/tcp: local address with the port in hexadecimal, state 0A.
is_taken() { # port
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk -v port=":$(printf '%04X' "$1")" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 } END { exit !found }'
}

check_ports() {
    local port taken=
    for port in ${data##*:} ${admin##*:} $demo_ports; do
        if is_taken "$port"; then
            taken="$taken $port"
        fi
    done
    if [ -n "$taken" ]; then
        echo "make run: another program already listens on port${taken// / }; end it first (ss -ltnp shows which it is)" >&2
        echo "The demo needs the ports ${data##*:} (invocations), ${admin##*:} (admin) and ${demo_ports/ / and } (endpoints)." >&2
        exit 1
    fi
}

pids=() # weir first, so that it has finished with its endpoints before they end
start() {
    # Should this script be killed outright, its children still end.
    setpriv --pdeathsig TERM -- "$@" &
    last=$!
}

stop() {
    trap '' INT TERM HUP
    local pid
    for pid in "${pids[@]}"; do
        kill -TERM "$pid" 2>/dev/null || continue
        # weir drains: it lets what runs finish. Nobody waits for that here longer than five seconds.
        for _ in $(seq 50); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    pids=()
}

wait_ready() { # pid of weir
    for _ in $(seq 100); do
        if ! kill -0 "$1" 2>/dev/null; then
            echo "make run: weir ended at its start; its reason is above" >&2
            return 1
        fi
        if curl -fs -o /dev/null "http://$admin/readyz"; then
            return 0
        fi
        sleep 0.1
    done
    echo "make run: weir is not ready after ten seconds" >&2
    return 1
}

advice() {
    cat <<TEXT

weir listens on http://$data. It splits the function "hello" by the table $run/table.json:
of 100 invocations 95 run version 1 and 5 run version 2.

Try in another terminal, in the folder $top:

  1. Invoke it as AWS Lambda is invoked. The answer names the version that ran:
       curl -i -d '{"name": "you"}' 'http://$data/2015-03-31/functions/hello/invocations?Qualifier=live'

  2. Or by its route:
       curl -i http://$data/hello

  3. A hundred times, counted by version:
       for i in \$(seq 100); do curl -s -o /dev/null -D - http://$data/hello; done | grep -i executed-version | sort | uniq -c

  4. Change the weights while it runs, in $run/table.json or through the API:
       curl -X PUT -H 'Content-Type: application/json' -d '{"weights": {"1": 50, "2": 50}}' http://$admin/functions/hello/aliases/live
     and count again (3.): 50 and 50. A table with a mistake is refused, and said here.

  Metrics:            curl http://$admin/metrics
  The table in force: curl http://$admin/table
  The access log:     tail -f $run/access.log

More is in README.md and docs/. Ctrl-C ends weir and its endpoints. What weir has to say follows here.

TEXT
}

check_ports
scripts/install-deps.sh build run
echo "building the release binary (the first time takes a minute)"
log=$(mktemp)
if ! { cmake --preset release && cmake --build build --parallel "$(nproc)" --target weir weir-demo; } >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    exit 1
fi
rm -f "$log"

top=$PWD
rm -rf "$run"
mkdir -p "$run/state"
cp examples/table.json examples/settings.json "$run/"
trap 'stop; exit 0' INT TERM HUP
trap stop EXIT

version=1
endpoints=()
for port in $demo_ports; do
    start build/weir-demo --port "$port" --version "$version"
    endpoints+=("$last")
    pids=("${endpoints[@]}")
    version=$((version + 1))
done
cd "$run" # the documents name files beside themselves
start ../weir run --settings settings.json --state state
weir=$last
pids=("$weir" "${endpoints[@]}")
wait_ready "$weir"
advice

# Until Ctrl-C, or until one of the three ends by itself.
wait -n || true
echo "make run: a program ended by itself; ending the others" >&2
exit 1
