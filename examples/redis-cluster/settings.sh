# What the other scripts share. All of it is on loopback; another host of loopback keeps the servers' ports apart from the router's.
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROUTER_HOST=${ROUTER_HOST:-127.0.0.1}        # where clients come in
NODE_HOST=${NODE_HOST:-127.0.0.2}            # the six servers; macOS: sudo ifconfig lo0 alias 127.0.0.2
METADATA_HOST=${METADATA_HOST:-127.0.0.1}    # etcd
DATA=${DATA:-$HERE/data}
KEYWAY=${KEYWAY:-npx keyway}

NODE_PORTS=(6379 6380 6381 6382 6383 6384)
PEER_PORTS=(50051 50052 50053)
CLIENT_PORTS=(2379 3379 4379)

# What is said to the router, as any client says it.
router() { redis-cli -c -h "$ROUTER_HOST" -p "${NODE_PORTS[0]}" "$@"; }
# What is said to server N, counted from 1.
node() { local n=$1; shift; redis-cli -h "$NODE_HOST" -p "${NODE_PORTS[n - 1]}" "$@"; }

fail() { echo "$*" >&2; exit 1; }

# patiently WHAT COMMAND...: repeats it until it succeeds; a minute at most.
patiently() {
  local what=$1; shift
  for _ in $(seq 300); do "$@" && return; sleep 0.2; done
  fail "it has taken longer than a minute until $what; see the logs in $DATA"
}

# start NAME COMMAND...: runs it in the background, with its output in a log. stop.sh ends what has a file in pids/.
start() {
  local name=$1; shift
  (cd "$HERE" && exec setsid "$@") >> "$DATA/$name.log" 2>&1 < /dev/null &
  echo $! > "$DATA/pids/$name"
}

# The leading controller writes the topology into etcd once, and then follows failures.
start_controller() {
  start controller $KEYWAY controller --config "$DATA/controller.yaml"
}
