import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runToEnd, tool } from '../../../support/tools.ts';
import { junitOutcomes, type Outcomes } from '../outcomes.ts';
import type { Matchup, Suite } from '../suite.ts';
import type { Target } from '../targets.ts';

const VERSION = '8.1.0';
const FOLDER = `redis-py-${VERSION}`;

/** Those of its files whose tests ask a server; the others want Sentinel, certificates, a module or a managed service, or no server at all. */
const FILES = [
  'test_commands.py',
  'test_pipeline.py',
  'test_pubsub.py',
  'test_scripting.py',
  'test_function.py',
  'test_lock.py',
  'test_encoding.py',
  'test_connection.py',
  'test_connection_pool.py',
  'test_client.py',
  'test_monitor.py',
];
const ASYNC_FILES = ['commands', 'pipeline', 'pubsub', 'scripting', 'lock'].map(
  (name) => `test_asyncio/test_${name}.py`,
);
const CLUSTER_FILES = ['test_cluster.py', 'test_cluster_transaction.py'];

function filesFor({ nodes }: Target, protocol: 2 | 3): string[] {
  // Its asynchronous client does the same once more.
  const more = nodes > 0 ? CLUSTER_FILES : protocol === 2 ? ASYNC_FILES : [];
  return [...FILES, ...more].map((file) => `tests/${file}`);
}

const SERVERS: Matchup = {
  direct: 'a server',
  through: ['hidden, 1 server', 'hidden, 3 servers', 'hidden, a cluster'],
};
const CLUSTERS: Matchup = { direct: 'a cluster', through: ['direct, a cluster', 'routers, a cluster'] };

function prepare(): string {
  return tool(
    FOLDER,
    'made',
    `python3 -m venv venv
     venv/bin/pip download --quiet --no-deps --no-binary :all: redis==${VERSION}
     tar xzf redis-${VERSION}.tar.gz
     venv/bin/pip install --quiet pytest==9.2.0 pytest-asyncio==1.5.0 pytest-timeout==2.4.0 numpy mock cachetools xxhash pybreaker packaging
     touch made`,
  );
}

async function run(protocol: 2 | 3, target: Target, report: string, isAgain: boolean): Promise<Outcomes> {
  const folder = prepare();
  const tests = join(folder, `redis-${VERSION}`);
  const url = `redis://127.0.0.1:${target.port}/0`;
  const output = await runToEnd(
    join(folder, 'venv/bin/python'),
    [
      ...['-m', 'pytest', '-q', '--tb=no', '--timeout', '60', `--junitxml=${report}.xml`],
      // It notes there what has failed, and does that again.
      ...['-o', `cache_dir=${report.replace(/-again$/, '')}.cache`, ...(isAgain ? ['--lf'] : [])],
      ...['--redis-url', url, '--redis-mod-url', url, '--protocol', String(protocol)],
      ...['--redis-cluster-nodes', String(target.nodes)],
      ...filesFor(target, protocol),
    ],
    { cwd: tests },
  );
  writeFileSync(`${report}.log`, output);
  return junitOutcomes(readFileSync(`${report}.xml`, 'utf8'));
}

const suiteFor = (protocol: 2 | 3, matchups: readonly Matchup[]): Suite => ({
  name: `redis-py ${VERSION}, RESP${protocol}`,
  matchups,
  needs: ['venv'],
  async prepare() {
    prepare();
  },
  run: (target, report, only) => run(protocol, target, report, only !== undefined),
});

/** The tests of its source distribution. */
export const redisPy: readonly Suite[] = [suiteFor(2, [SERVERS]), suiteFor(3, [SERVERS, CLUSTERS])];
