#!/usr/bin/env bash
# A shard joins while clients work: a part of the keys moves to it, the watches of these come back there, and nothing fails.
. "$(dirname "$0")/cluster.sh"

start_cluster
start_shard "s$SHARDS"
load join --at "${SECONDS_BEFORE}s" "$KEYWAY shard add s$SHARDS $(shard_address "s$SHARDS")" --fail-on 'errors>0,away>0'
