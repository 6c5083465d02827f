import { readFileSync, writeFileSync } from 'node:fs';
import { runToEnd, tool } from '../../../support/tools.ts';
import { junitOutcomes, type Outcomes } from '../outcomes.ts';
import type { Suite } from '../suite.ts';
import type { Target } from '../targets.ts';

const VERSION = '9.23.0';
const MODULE = `github.com/redis/go-redis/v9@v${VERSION}`;
/** The suite is told, and skips what the server does not have. */
const SERVER_VERSION = '7.0';

function prepare(): string {
  return tool(
    `go-redis-${VERSION}`,
    'go-redis.test',
    `cp -R "$(go mod download -json ${MODULE} | sed -n 's/^\\t"Dir": "\\(.*\\)",*$/\\1/p')/." .
     chmod -R u+w .
     go test -c -o go-redis.test .`,
  );
}

/** Their specs want servers of their own, or modules. */
const LEFT_OUT = [
  'sentinel',
  'osscluster',
  'ring',
  'tls',
  'json',
  'search',
  'timeseries',
  'probabilistic',
  'vectorset',
];

/** The names of specs are regular expressions to the one who asks for some. */
function focusOn(tests: readonly string[]): string[] {
  const names = tests.map((test) =>
    test
      .replace(/^[^[]*\[It\] /, '')
      .replace(/ #\d+$/, '')
      .replace(/ \[\w+\]$/, ''),
  );
  return names.map((name) => `-ginkgo.focus=${name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`);
}

async function run(target: Target, report: string, only: readonly string[] = []): Promise<Outcomes> {
  const endpoint = { one: { endpoints: [`redis://127.0.0.1:${target.port}`] } };
  writeFileSync(`${report}.json`, JSON.stringify(endpoint));
  // The suite's way to a server that was started elsewhere is the one to a managed service.
  const env = {
    ...process.env,
    RE_CLUSTER: 'true',
    REDIS_VERSION: SERVER_VERSION,
    REDIS_ENDPOINTS_CONFIG_PATH: `${report}.json`,
  };
  const args = [
    '-test.run',
    'TestGinkgoSuite',
    `-ginkgo.junit-report=${report}.xml`,
    '-ginkgo.seed=1',
    '-ginkgo.no-color',
  ];
  const skipped = LEFT_OUT.map((name) => `-ginkgo.skip-file=${name}`);
  const output = await runToEnd('./go-redis.test', [...args, ...skipped, ...focusOn(only), '-test.timeout', '1100s'], {
    cwd: prepare(),
    env,
  });
  writeFileSync(`${report}.log`, output);
  return junitOutcomes(readFileSync(`${report}.xml`, 'utf8'));
}

/** The tests of its module that ask one server. */
export const goRedis: Suite = {
  name: `go-redis ${VERSION}`,
  matchups: [{ direct: 'a server', through: ['hidden, 1 server', 'hidden, 3 servers', 'hidden, a cluster'] }],
  needs: ['go'],
  async prepare() {
    prepare();
  },
  run,
};
