#!/usr/bin/env bash
# Every shard is restarted, one after the other, while clients work: each gives its keys away before, and has them back after.
. "$(dirname "$0")/cluster.sh"

restart_all() {
  for i in $(seq 0 $((SHARDS - 1))); do
    $KEYWAY shard remove "s$i"
    stop_shard "s$i"
    start_shard "s$i"
    $KEYWAY shard add "s$i" "$(shard_address "s$i")"
  done
}

if [ "${1:-}" = restart-all ]; then
  # What `--at` runs, beside the load: the cluster is not its own.
  trap - EXIT
  rmdir "$WORK"
  WORK="$2"
  restart_all
  exit
fi

start_cluster
load rolling-restart --at "${SECONDS_BEFORE}s" "bash '$stories/rolling-restart.sh' restart-all '$WORK'" --fail-on 'errors>0,away>0'
