import { match } from 'node:assert/strict';
import { runToEnd } from '../../../support/tools.ts';
import { type Steps, take } from '../steps.ts';
import type { Suite } from '../suite.ts';
import type { Target, TargetName } from '../targets.ts';

/** What redis-cli is given, and what it has to print, by the names of the steps. */
type Lines = ReadonlyArray<readonly [name: string, args: string, printed: RegExp]>;

const ONE: Lines = [
  ['SET', 'SET greeting hello', /^OK$/],
  ['GET', 'GET greeting', /^hello$/],
  ['-3 HGETALL as JSON', '-3 --json HGETALL h', /^\{"a":"1","b":"2"\}$/],
  ['--no-raw', '--no-raw LRANGE l 0 -1', /^1\) "x"\n2\) "y"$/],
  ['-n 0', '-n 0 PING', /^PONG$/],
  ['INFO', 'INFO server', /redis_version:/],
  ['--scan', '--scan --pattern gree*', /^greeting$/],
  ['--bigkeys', '--bigkeys', /Sampled \d+ keys in the keyspace/],
  ['--memkeys', '--memkeys', /Sampled \d+ keys in the keyspace/],
  ['-r', '-r 3 PING', /^PONG\nPONG\nPONG$/],
  ['DBSIZE', 'DBSIZE', /^3$/],
  ['an error', 'LPUSH greeting x', /^WRONGTYPE/],
];

const MANY: Lines = [
  ['-c SET', '-c SET greeting hello', /^OK$/],
  ['-c GET', '-c GET greeting', /^hello$/],
  ['-c -3 GET', '-c -3 GET greeting', /^hello$/],
  ['CLUSTER INFO', 'CLUSTER INFO', /cluster_state:ok[\s\S]*cluster_slots_assigned:16384/],
  ['CLUSTER NODES', 'CLUSTER NODES', /^[0-9a-f]{40} /],
  ['CLUSTER SHARDS', '-3 CLUSTER SHARDS', /slots/],
  ['CLUSTER MYID', 'CLUSTER MYID', /^[0-9a-f]{40}$/],
  ['CLUSTER KEYSLOT', 'CLUSTER KEYSLOT greeting', /^\d+$/],
  [
    '--cluster check',
    '--cluster check 127.0.0.1:PORT',
    /\[OK\] All nodes agree about slots configuration\.[\s\S]*\[OK\] All 16384 slots covered\./,
  ],
  ['--cluster info', '--cluster info 127.0.0.1:PORT', /\[OK\] \d+ keys in \d+ masters\./],
];

const BEFORE = ['HSET h a 1 b 2', 'RPUSH l x y'];

async function run({ port }: Target, lines: Lines): ReturnType<Suite['run']> {
  const cli = async (args: string): Promise<string> => {
    const words = args.replaceAll('PORT', String(port)).split(' ');
    const at = words.includes('--cluster') ? [] : ['-p', String(port)];
    return (await runToEnd('redis-cli', [...at, ...words])).trim();
  };
  for (const line of BEFORE) await cli(`-c ${line}`);
  const steps: Steps = Object.fromEntries(
    lines.map(([name, args, printed]) => [name, async () => match(await cli(args), printed)]),
  );
  return take(steps);
}

const suite = (name: string, lines: Lines, direct: TargetName, through: readonly TargetName[]): Suite => ({
  name,
  matchups: [{ direct, through }],
  needs: ['redis'],
  prepare: async () => {},
  run: (target) => run(target, lines),
});

/** The one that the servers' own package has. */
export const redisCli: readonly Suite[] = [
  suite('redis-cli', ONE, 'a server', ['hidden, 1 server', 'hidden, 3 servers', 'hidden, a cluster']),
  suite('redis-cli -c, --cluster', MANY, 'a cluster', ['direct, a cluster', 'routers, a cluster']),
];
