import type { Worse } from './outcomes.ts';
import type { TargetName } from './targets.ts';

/** Why tests fail through a router that pass with a server of their own: a sentence of docs/redis-clients.md, and what it explains. */
interface Reason {
  readonly why: string;
  /** What the test fails with. */
  readonly error?: RegExp;
  readonly test?: RegExp;
  /** Only there. */
  readonly target?: RegExp;
}

/** Before one server all keys have the same owner. */
const SEVERAL_OWNERS = /3 servers|a cluster/;

const REASONS: readonly Reason[] = [
  {
    why: 'The command is refused, because it administers a server: CONFIG SET, ACL, MODULE, DEBUG, MONITOR, BGSAVE and the like.',
    error: /is refused: it administers a server|DEBUG cannot be part of a transaction/,
  },
  {
    why: 'The command is refused, because it administers a server: CONFIG SET, ACL, MODULE, DEBUG, MONITOR, BGSAVE and the like.',
    // They do not show the error: they wait for what their command would have changed.
    test: /server should Save|Commands keys should Object|SlowLog returns/,
  },
  {
    why: 'The command is refused, because it would act on other clients of the servers, whose connections the router shares: CLIENT PAUSE, UNBLOCK and the like.',
    error: /is refused: it would act on other clients/,
  },
  {
    why: 'The command is refused, because a server cannot tell which keys a client has read over connections that are shared: CLIENT TRACKING.',
    error: /is refused: the router shares connections between clients, so that no server can tell/,
  },
  {
    why: 'The command is refused, because it is about one server, and the router has many: MEMORY STATS, LATENCY DOCTOR and the like.',
    error: /is refused: it is about one server/,
  },
  {
    why: 'The command is refused, because it belongs to the replication between servers.',
    error: /is refused: it belongs to the replication between servers/,
  },
  {
    why: 'There is one database, number 0, as in Redis Cluster.',
    error: /DB index is out of range|is refused: the router has one database only/,
  },
  { why: 'There is one database, number 0, as in Redis Cluster.', test: /\bConn TxPipeline/ },
  {
    why: 'A subscription takes a connection of its own to the shard, which has to come up: what is published before its confirmation may be missed. The test publishes before.',
    test: /PubSub handles big message payload/,
  },
  {
    why: 'Its keys have several owners, and the command, or the transaction, is not one that is divided among them (CROSSSLOT).',
    error: /CROSSSLOT|CrossSlot|Keys in request don't hash to the same slot/,
    target: SEVERAL_OWNERS,
  },
  {
    why: 'Its keys have several owners, and the command, or the transaction, is not one that is divided among them (CROSSSLOT).',
    // They look at another error than the one that comes before it.
    test: /test_transaction_with_empty_error_command|test_exec_error_raised|TxPipeline handles large pipelines/,
    target: SEVERAL_OWNERS,
  },
  {
    why: 'CONFIG GET has what frameworks ask for, and none of the other settings, which servers may have differently.',
    error: /slowlog-log-slower-than|hash-max-listpack-entries|config_get|assert 8 > 10/,
  },
  {
    why: "INFO has what frameworks ask for; what servers count is in the router's metrics.",
    error: /total_commands_processed/,
  },
  {
    why: "INFO has what frameworks ask for; what servers count is in the router's metrics.",
    test: /\(commandstats\)|server should Info (cpu|memory)/,
  },
  {
    why: 'PUBLISH counts the subscribers at the node that it went to, as in Redis Cluster.',
    test: /test_published_message_to_pattern|_pattern_message_handler|test_pattern_message_handler/,
    target: /a cluster/,
  },
  {
    why: 'Channels of one SUBSCRIBE may be at several shards, and are confirmed in the order in which these answer.',
    test: /subscribe_unsubscribe|test_resubscribe_to_(?:shard_)?channels_on_reconnection/,
    target: SEVERAL_OWNERS,
  },
  {
    why: 'CLUSTER NODES lists the router as well, as a node without slots.',
    error: /has no slots, skipping/,
    target: /^direct/,
  },
];

/** Null where none is known. */
export function reasonFor(target: TargetName, { test, message }: Worse): string | null {
  const found = REASONS.find(
    (reason) =>
      reason.error?.test(message) !== false &&
      reason.test?.test(test) !== false &&
      reason.target?.test(target) !== false,
  );
  return found?.why ?? null;
}
