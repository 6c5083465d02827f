#!/usr/bin/env bash
# Ends all that ./start.sh and ./init-cluster.sh have started. --reset: and removes its data.
set -euo pipefail
. "$(dirname "$0")/settings.sh"

# The router first, then what it asks.
for name in router controller redis-{6379..6384} etcd-{3..1}; do
  file=$DATA/pids/$name
  [ -e "$file" ] || continue
  pid=$(cat "$file")
  # Each was started with a group of its own: npx and what it runs end together.
  kill -TERM -- "-$pid" 2> /dev/null || true
  for _ in $(seq 100); do kill -0 -- "-$pid" 2> /dev/null || break; sleep 0.1; done
  kill -KILL -- "-$pid" 2> /dev/null || true
  rm "$file"
done
if [ "${1:-}" = --reset ]; then rm -rf "$DATA"; fi
