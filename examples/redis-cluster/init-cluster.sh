#!/usr/bin/env bash
# Makes a cluster of what ./start.sh has started, in seven steps. It can be run again where it was broken off.
set -euo pipefail
. "$(dirname "$0")/settings.sh"

echo '1. all nodes run'
is_up() { [ "$(node "$1" PING 2> /dev/null)" = PONG ]; }
for n in 1 2 3 4 5 6; do patiently "server $n answers" is_up "$n"; done

echo '2. the metadata cluster has its first member'
# role ID: voter, learner, or nothing.
role() { router CLUSTER METARAFT MEMBERS 2> /dev/null | tr -d '\r' | paste - - | awk -v id="$1" '$1 == id { print $2 }'; }
has_role() { [ "$(role "$1")" = "$2" ]; }
patiently 'member 1 is a voter' has_role 1 voter

# etcd takes one learner at a time: each votes before the next one is added.
said_ok() { [ "$(router "$@" 2> /dev/null)" = OK ]; }
is_member() { [ -n "$(role "$1")" ]; }
for n in 2 3; do
  echo "3. member $n is added as a learner"
  patiently "learner $n is taken" said_ok CLUSTER METARAFT ADDLEARNER "$n" "$METADATA_HOST:${PEER_PORTS[n - 1]}"
  patiently "member $n has started" is_member "$n"
  echo "4. member $n is promoted to a voter"
  patiently "member $n has caught up" said_ok CLUSTER METARAFT PROMOTE "$n"
done

echo '5. the nodes meet'
for n in 2 3 4 5 6; do node 1 CLUSTER MEET "$NODE_HOST" "${NODE_PORTS[n - 1]}" > /dev/null; done
knows_all() { node "$1" CLUSTER INFO | grep -q cluster_known_nodes:6; }
for n in 1 2 3 4 5 6; do patiently "server $n knows the others" knows_all "$n"; done

echo '6. slots are assigned'
ranges=('0 5460' '5461 10922' '10923 16383')
for n in 1 2 3; do
  # shellcheck disable=SC2086 # two arguments
  if ! node "$n" CLUSTER NODES | grep myself | grep -q "connected ${ranges[n - 1]% *}"; then
    [ "$(node "$n" CLUSTER ADDSLOTSRANGE ${ranges[n - 1]})" = OK ] || fail "server $n does not take its slots"
  fi
done

echo '7. replicas follow'
follows() { [ "$(node "$1" CLUSTER REPLICATE "$2" 2> /dev/null)" = OK ]; }
is_synced() { node "$1" INFO replication | grep -q master_link_status:up; }
for n in 4 5 6; do patiently "server $n takes its primary" follows "$n" "$(node $((n - 3)) CLUSTER MYID)"; done
for n in 4 5 6; do patiently "server $n follows its primary" is_synced "$n"; done
is_whole() { node "$1" CLUSTER INFO | grep -q cluster_state:ok && [ "$(node "$1" CLUSTER NODES | grep -c slave)" = 3 ]; }
for n in 1 2 3 4 5 6; do patiently "server $n sees all slots and replicas" is_whole "$n"; done

# The controller writes what it finds into the metadata cluster, from where the router has it.
if [ ! -e "$DATA/initialised" ]; then
  touch "$DATA/initialised"
  start_controller
fi
routes() { router CLUSTER INFO 2> /dev/null | grep -q cluster_state:ok; }
patiently 'the router knows the cluster' routes
echo "done: redis-cli -c -h $ROUTER_HOST -p ${NODE_PORTS[0]}"
