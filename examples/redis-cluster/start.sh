#!/usr/bin/env bash
# Starts six servers, the first member of the metadata cluster, two more that wait until they are added, and the router. ./init-cluster.sh makes a cluster of them.
set -euo pipefail
. "$(dirname "$0")/settings.sh"

for program in etcd etcdctl redis-server redis-cli setsid; do
  command -v "$program" > /dev/null || fail "there is no $program here: apt-get install redis-server redis-tools etcd-server etcd-client"
done

mkdir -p "$DATA/pids"
for file in "$DATA"/pids/*; do
  if [ -e "$file" ] && kill -0 "$(cat "$file")" 2> /dev/null; then fail "$(basename "$file") runs already: ./stop.sh first"; fi
done

# taken HOST PORT: whether something listens there.
taken() { (exec 3<> "/dev/tcp/$1/$2") 2> /dev/null; }
check_free() { if taken "$1" "$2"; then fail "$1:$2 is in use by another process: stop it, or set $3"; fi }
for port in "${NODE_PORTS[@]}"; do
  check_free "$ROUTER_HOST" "$port" ROUTER_HOST
  check_free "$NODE_HOST" "$port" NODE_HOST
  check_free "$NODE_HOST" $((port + 10000)) NODE_HOST
done
for port in "${PEER_PORTS[@]}" "${CLIENT_PORTS[@]}"; do check_free "$METADATA_HOST" "$port" METADATA_HOST; done

for port in "${NODE_PORTS[@]}"; do
  mkdir -p "$DATA/redis-$port"
  start "redis-$port" redis-server --bind "$NODE_HOST" --port "$port" --dir "$DATA/redis-$port" --save '' --appendonly yes \
    --cluster-enabled yes --cluster-announce-ip "$NODE_HOST" --protected-mode no
done
for n in 1 2 3; do start "etcd-$n" env DATA="$DATA" METADATA_HOST="$METADATA_HOST" "$HERE/member.sh" "$n"; done

endpoints="$METADATA_HOST:${CLIENT_PORTS[0]}, $METADATA_HOST:${CLIENT_PORTS[1]}, $METADATA_HOST:${CLIENT_PORTS[2]}"
{
  echo 'listen:'
  for port in "${NODE_PORTS[@]}"; do
    echo "  - {address: $ROUTER_HOST:$port, redis: {cluster: cache, mode: direct, metaraft: [$endpoints]}}"
  done
  echo "admin: {address: $ROUTER_HOST:9901}"
  echo "registry: {etcd: {endpoints: [$endpoints]}, keepIn: $DATA/topologies}"
  echo 'clusters:'
  echo '  cache: {upstream: {protocol: redis}, fromRegistry: {}, waitForOwner: 20s}'
} > "$DATA/keyway.yaml"
{
  echo "registry: {etcd: {endpoints: [$endpoints]}}"
  echo 'clusters:'
  echo "  cache: {engine: redis, nodes: [$NODE_HOST:${NODE_PORTS[0]}, $NODE_HOST:${NODE_PORTS[1]}, $NODE_HOST:${NODE_PORTS[2]}]}"
} > "$DATA/controller.yaml"
start router $KEYWAY router --config "$DATA/keyway.yaml"
if [ -e "$DATA/initialised" ]; then start_controller; fi

answers() { [ "$(router PING 2> /dev/null)" = PONG ]; }
patiently 'the router answers' answers
echo "router on $ROUTER_HOST:${NODE_PORTS[0]}, servers on $NODE_HOST:${NODE_PORTS[0]}-${NODE_PORTS[5]}"
if [ ! -e "$DATA/initialised" ]; then echo 'now: ./init-cluster.sh'; fi
