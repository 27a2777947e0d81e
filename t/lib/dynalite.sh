#!/bin/bash
# npm dynalite 4.0.0, a DynamoDB-compatible server, on 127.0.0.1:
#   dynalite.sh up DIR     start; prints endpoint and keys, which DIR/env then holds
#   dynalite.sh down DIR   stop what was started there
# DYNALITE_HOME: the folder where `npm install --ignore-scripts dynalite@4.0.0` was run.
# The items are in memory and gone with it. Signatures are not checked.
set -euo pipefail
cmd=${1:?up|down}
D=$(mkdir -p "${2:?DIR}" && cd "$2" && pwd)

alive() { [ -s "$D/pid" ] && grep -qs dynalite "/proc/$(cat "$D/pid")/cmdline"; }

down() {
    if alive; then
        kill "$(cat "$D/pid")"
        for _ in $(seq 50); do alive || break; sleep 0.1; done
        ! alive || kill -9 "$(cat "$D/pid")"
    fi
    rm -f "$D/pid"
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

up() {
    if alive; then cat "$D/env"; return; fi
    local home=${DYNALITE_HOME:?the folder where npm install dynalite@4.0.0 was run} port
    port=$(free_port)
    setsid -f bash -c 'echo $$ >"$0"; exec "$@"' "$D/pid" node "$home/node_modules/dynalite/cli.js" \
        --host 127.0.0.1 --port "$port" --createTableMs 0 --deleteTableMs 0 --updateTableMs 0 \
        </dev/null >>"$D/log" 2>&1
    cat >"$D/env" <<ENV
DYNAMODB_ENDPOINT=http://127.0.0.1:$port
AWS_ACCESS_KEY_ID=DRIVEGUARDTESTKEY001
AWS_SECRET_ACCESS_KEY=drive/guard+secret/0123456789abcdefghi
AWS_REGION=us-east-1
ENV
    for _ in $(seq 200); do
        curl -s --noproxy '*' -o /dev/null "http://127.0.0.1:$port/" && { cat "$D/env"; return; }
        sleep 0.05
    done
    echo "dynalite did not start" >&2
    tail "$D/log" >&2
    down
    exit 1
}

case $cmd in
up) up ;;
down) down ;;
*) exit 2 ;;
esac
