import type { EverywhereMerge, Rule, SplitMerge } from './rule.ts';

/** Why a command is refused. Each is the end of a sentence: `ERR DEBUG is refused: …`. */
const Reason = {
  administers: 'it administers a server, which clients of the router may not do',
  replication: 'it belongs to the replication between servers',
  oneServer: 'it is about one server, and the router has many',
  database: 'the router has one database only, number 0',
  tracking: "the router shares connections between clients, so that no server can tell a client's keys",
  others: 'it would act on other clients of the server, which the router shares between clients',
  acknowledged: "it waits for a connection's writes to be on disk, and the router shares connections between clients",
  search: 'an index is on one server, and the router has many',
  import: 'what it prepares is on one connection, and the router shares connections between clients',
} as const;

const KEYS: Rule = { way: 'keys' };
const SCRIPT: Rule = { way: 'script' };
const ANY: Rule = { way: 'any' };
const LOCAL: Rule = { way: 'local' };
const SCAN: Rule = { way: 'scan' };
const TRANSACTION: Rule = { way: 'transaction' };
const BLOCKING: Rule = { way: 'blocking' };
const SUBSCRIBE: Rule = { way: 'subscribe' };
const CHANNEL: Rule = { way: 'channel' };
const CONTAINER: Rule = { way: 'container' };

const split = (step: 1 | 2, merge: SplitMerge): Rule => ({ way: 'split', step, merge });
const everywhere = (merge: EverywhereMerge): Rule => ({ way: 'everywhere', merge });

/**
 * What is done with commands that are not simply sent to the shard of their keys. `x|*` is every subcommand of x that has no
 * rule of its own.
 */
const RULES: ReadonlyArray<readonly [commands: string, rule: Rule | keyof typeof Reason]> = [
  // Several keys, each on its shard.
  ['mget', split(1, 'by-key')],
  ['mset', split(2, 'ok')],
  ['del unlink exists touch', split(1, 'sum')],
  // The whole key space.
  ['scan', SCAN],
  ['keys', everywhere('concat')],
  ['dbsize', everywhere('sum')],
  ['flushall flushdb', everywhere('first')],
  ['randomkey', everywhere('any')],
  // Scripts and functions, which every shard has to know.
  ['eval eval_ro evalsha evalsha_ro fcall fcall_ro', SCRIPT],
  ['script|load script|flush', everywhere('first')],
  ['script|exists', everywhere('least-of-each')],
  ['script|kill function|kill', everywhere('one-succeeds')],
  ['script|show', ANY],
  ['script|debug', 'administers'],
  ['function|load function|delete function|flush function|restore', everywhere('first')],
  ['function|list function|dump', ANY],
  ['function|stats', 'oneServer'],
  // Channels.
  ['subscribe unsubscribe psubscribe punsubscribe ssubscribe sunsubscribe', SUBSCRIBE],
  ['publish spublish', CHANNEL],
  ['pubsub|channels pubsub|shardchannels', everywhere('union')],
  ['pubsub|numsub pubsub|shardnumsub', everywhere('sum-of-each')],
  // The router subscribes to a pattern at all shards, or at one.
  ['pubsub|numpat', everywhere('most')],
  // Connections of a client's own.
  ['multi exec discard watch unwatch', TRANSACTION],
  ['blpop brpop brpoplpush blmove blmovem blmpop bzpopmin bzpopmax bzmpop', BLOCKING],
  ['wait', { way: 'wait' }],
  ['waitaof', 'acknowledged'],
  // What is between the client and the router.
  ['auth hello quit reset select ping echo role readonly readwrite asking info', LOCAL],
  ['client|id client|getname client|setname client|setinfo client|list client|info client|kill client|reply', LOCAL],
  ['client|no-evict client|no-touch client|capa client|trackinginfo client|getredir', LOCAL],
  ['client|tracking client|caching', 'tracking'],
  ['client|*', 'others'],
  ['config|get', LOCAL],
  ['config|resetstat', everywhere('first')],
  ['config|*', 'administers'],
  ['cluster|* clusterx', LOCAL],
  // Servers' own words, the same on each.
  ['command command|* time lolwut', ANY],
  ['acl|cat acl|genpass', ANY],
  ['acl|whoami', LOCAL],
  // What servers have noted.
  ['slowlog|get commandlog|get latency|latest latency|history', everywhere('concat')],
  ['slowlog|len commandlog|len latency|reset', everywhere('sum')],
  ['slowlog|reset commandlog|reset', everywhere('first')],
  ['latency|*', 'oneServer'],
  ['lastsave', everywhere('least')],
  ['memory|purge', everywhere('first')],
  ['memory|doctor memory|malloc-stats memory|stats', 'oneServer'],
  ['disk perflog stats', 'oneServer'],
  // Refused.
  ['acl|* module|* debug monitor shutdown save bgsave bgrewriteaof failover pfdebug pfselftest', 'administers'],
  ['backup|* hotkeys|* trimslots bless|scan namespace rdb compact flushbackup applybatch', 'administers'],
  ['replicaof slaveof replconf psync sync restore-asking migrate pollupdates', 'replication'],
  ['_fetch_meta _fetch_file _db_name', 'replication'],
  ['move movex swapdb', 'database'],
  ['clusterscan', 'oneServer'],
  ['himport|*', 'import'],
  ['mpublish', 'oneServer'],
  ['ft.create ft.search ft.searchsql ft.explain ft.explainsql ft.info ft._list ft.dropindex ft.tagvals', 'search'],
  // Each container tells its own subcommands.
  ['script|help function|help pubsub|help acl|help slowlog|help commandlog|help latency|help memory|help', ANY],
  ['object|help xgroup|help xinfo|help client|help config|help', ANY],
];

const ruleOf = new Map<string, Rule | keyof typeof Reason>(
  RULES.flatMap(([commands, rule]) => commands.split(' ').map((name) => [name, rule] as const)),
);

/**
 * The rule of a command; undefined where there is none, which a test does not let happen.
 * @param hasKeys it has keys at places that are known
 * @param isContainer it has subcommands
 */
export function findRule(name: string, hasKeys: boolean, isContainer: boolean): Rule | undefined {
  const [container] = name.split('|');
  const found = ruleOf.get(name) ?? (name.includes('|') ? ruleOf.get(`${container}|*`) : undefined);
  if (found === undefined) return isContainer ? CONTAINER : hasKeys ? KEYS : undefined;
  if (typeof found !== 'string') return found;
  return { way: 'refused', error: `ERR ${name.toUpperCase().replace('|', ' ')} is refused: ${Reason[found]}` };
}

/** All names that a rule is written for: none may be left over. */
export const namesWithRules: readonly string[] = [...ruleOf.keys()];
