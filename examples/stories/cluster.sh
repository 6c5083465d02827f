# Sourced by the stories: what each of them needs of a cluster on this machine, and how it is asked to be smaller or larger.
set -euo pipefail

stories="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# The command, as words: `npx keyway`, or another.
export KEYWAY="${KEYWAY:-npx keyway}"
SHARDS="${SHARDS:-3}"
RATE="${RATE:-500}"
WATCHES="${WATCHES:-200}"
SECONDS_BEFORE="${SECONDS_BEFORE:-5}"
SECONDS_AFTER="${SECONDS_AFTER:-10}"
# Where the reports go, and all else.
OUT="${OUT:-stories}"
# The endpoint; what else is needed follows.
export PORT="${PORT:-18080}"
export KEYWAY_REGISTRY="127.0.0.1:$((PORT + 2))"
mkdir -p "$OUT"
OUT="$(cd "$OUT" && pwd)"
export WORK="$(mktemp -d)"

# Each process has a group of its own: npx leaves its children behind when it is ended before they are up.
stop_group() { kill -- "-$1" 2>/dev/null || true; }
gone() { while kill -0 -- "-$1" 2>/dev/null; do sleep 0.05; done; }
stop_all() {
  for file in "$WORK"/*.pid; do [ -e "$file" ] && stop_group "$(cat "$file")"; done
  for file in "$WORK"/*.pid; do [ -e "$file" ] && gone "$(cat "$file")"; done
  rm -rf "$WORK"
}
trap stop_all EXIT

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
# Waits until a process that we have started listens.
wait_for() {
  for _ in $(seq 300); do
    listens "$2" && return
    kill -0 "$(cat "$WORK/$1.pid")" 2>/dev/null || break
    sleep 0.1
  done
  echo "$1 did not come up:" >&2
  cat "$WORK/$1.log" >&2
  exit 1
}

# Waits until nobody listens on a port any more.
wait_until_free() {
  for _ in $(seq 100); do
    listens "$1" || return 0
    sleep 0.1
  done
  echo "somebody listens on port $1: end that first, or give another PORT" >&2
  exit 1
}

# Runs `keyway ...` in the background, by a name, and waits until it listens on a port.
start() {
  local name="$1" port="$2"
  shift 2
  wait_until_free "$port"
  # shellcheck disable=SC2086
  setsid $KEYWAY "$@" >"$WORK/$name.log" 2>&1 &
  echo $! >"$WORK/$name.pid"
  wait_for "$name" "$port"
}

shard_port() { echo $((PORT + 10 + ${1#s})); }
shard_address() { echo "127.0.0.1:$(shard_port "$1")"; }

# A shard that takes part in the cluster; with `alone` one that serves whatever it is asked for.
start_shard() {
  local part=(--cluster docs)
  [ "${2:-}" = alone ] && part=()
  start "$1" "$(shard_port "$1")" backend --id "$1" --listen "$(shard_address "$1")" --data "$WORK/documents.sqlite" "${part[@]}"
}

stop_shard() {
  stop_group "$(cat "$WORK/$1.pid")"
  gone "$(cat "$WORK/$1.pid")"
}

# A registry, shards, and a router in front of them.
start_cluster() {
  start registry "$((PORT + 2))" registry --listen "$KEYWAY_REGISTRY" --data "$WORK/registry.sqlite"
  {
    echo '{namespace: default, cluster: docs, placement: {ringHash: {minimumRingSize: 1024}}, shards: ['
    for i in $(seq 0 $((SHARDS - 1))); do echo "{id: s$i, address: \"$(shard_address "s$i")\"},"; done
    echo ']}'
  } >"$WORK/topology.yaml"
  $KEYWAY topology apply "$WORK/topology.yaml" >/dev/null
  for i in $(seq 0 $((SHARDS - 1))); do start_shard "s$i"; done
  cat >"$WORK/router.yaml" <<YAML
listen: [{address: "127.0.0.1:$PORT"}]
admin: {address: "127.0.0.1:$((PORT + 1))"}
log: {level: warn}
registry: {remote: {address: "$KEYWAY_REGISTRY"}, keepIn: "$WORK/topologies"}
drain: {window: 1s, pushback: 100ms}
routes:
  - {match: {prefix: /}, cluster: docs, watch: [/keyway.shard.v1.Documents/Watch]}
clusters: {docs: {fromRegistry: {}}}
YAML
  start router "$PORT" router --config "$WORK/router.yaml"
  until curl -sf "http://127.0.0.1:$((PORT + 1))/readyz" >/dev/null; do sleep 0.1; done
}

# The load of every story: puts, gets and watches on a few keys, looked at for split brain. Its report is written by its name.
load() {
  local name="$1"
  shift
  $KEYWAY load "127.0.0.1:$PORT" --mix put=30,get=70 --rate "$RATE" --watch "$WATCHES" --projects 10 --documents 40 \
    --duration "${SECONDS_BEFORE}s" --after-commands "${SECONDS_AFTER}s" --registry "$KEYWAY_REGISTRY" --check --no-live \
    --json "$OUT/$name.json" --csv "$OUT/$name.csv" --html "$OUT/$name.html" "$@"
}
