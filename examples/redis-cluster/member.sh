#!/usr/bin/env bash
# Runs member N of the metadata cluster. The first one begins it; another waits until it has been added (CLUSTER METARAFT ADDLEARNER), because etcd does not start before.
set -euo pipefail
. "$(dirname "$0")/settings.sh"

n=$1
peer() { echo "http://$METADATA_HOST:${PEER_PORTS[$1 - 1]}"; }
client() { echo "http://$METADATA_HOST:${CLIENT_PORTS[$1 - 1]}"; }

members=1=$(peer 1)
for ((i = 2; i <= n; i++)); do members+=,$i=$(peer "$i"); done
if [ "$n" -gt 1 ] && [ ! -d "$DATA/etcd-$n" ]; then
  until etcdctl --endpoints "$(client 1)" member list 2> /dev/null | grep -qF "$(peer "$n")"; do sleep 0.3; done
fi
exec etcd --name "$n" --data-dir "$DATA/etcd-$n" --logger zap \
  --listen-peer-urls "$(peer "$n")" --initial-advertise-peer-urls "$(peer "$n")" \
  --listen-client-urls "$(client "$n")" --advertise-client-urls "$(client "$n")" \
  --initial-cluster "$members" --initial-cluster-state "$([ "$n" = 1 ] && echo new || echo existing)"
