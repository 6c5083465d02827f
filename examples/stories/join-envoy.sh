#!/usr/bin/env bash
# The story of join.sh with Envoy and its ring hash in the place of Keyway: watches stay where they were, while new calls for
# the same keys go to the shard that has joined. `keyway load --check` tells, and so this ends with 1.
. "$(dirname "$0")/cluster.sh"
ENVOY="${ENVOY:-.tools/envoy/bin/envoy}"

# What Envoy takes as its hosts: a file that is replaced whole.
write_hosts() {
  {
    echo "resources:"
    echo "- '@type': type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
    echo "  cluster_name: docs"
    echo "  endpoints: [{lb_endpoints: ["
    for i in $(seq 0 $(($1 - 1))); do
      echo "    {endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: $(shard_port "s$i")}}}},"
    done
    echo "  ]}]"
  } >"$2"
}

for i in $(seq 0 "$SHARDS"); do start_shard "s$i" alone; done
mkdir "$WORK/eds"
write_hosts "$SHARDS" "$WORK/eds/hosts.yaml"
write_hosts "$((SHARDS + 1))" "$WORK/more-hosts.yaml"
sed -e "s#@PORT@#$PORT#g; s#@ADMIN@#$((PORT + 1))#g; s#@EDS@#$WORK/eds#g" "$stories/envoy/ring-hash.yaml" >"$WORK/envoy.yaml"
wait_until_free "$PORT"
setsid "$ENVOY" -c "$WORK/envoy.yaml" --base-id "$PORT" --concurrency 1 >"$WORK/envoy.log" 2>&1 &
echo $! >"$WORK/envoy.pid"
wait_for envoy "$PORT"
until curl -sf "http://127.0.0.1:$((PORT + 1))/ready" >/dev/null; do sleep 0.1; done
export KEYWAY_REGISTRY=''
load join-envoy --at "${SECONDS_BEFORE}s" "mv '$WORK/more-hosts.yaml' '$WORK/eds/hosts.yaml'"
