#!/usr/bin/env bash
# A shard leaves while clients work: its keys go to the others, and then it can be stopped.
. "$(dirname "$0")/cluster.sh"

start_cluster
last="s$((SHARDS - 1))"
load leave --at "${SECONDS_BEFORE}s" "$KEYWAY shard remove $last && kill -- -$(cat "$WORK/$last.pid")" --fail-on 'errors>0,away>0'
