import { expect, it } from 'vitest';
import { defaultLimits } from '../http/index.ts';
import { defaultRouterLimits } from '../proxy/index.ts';
import { noticesGoTo } from '../runtime/notices.ts';
import { DocumentError } from '../yaml/index.ts';
import { parseConfig } from './index.ts';

const CONFIG = `listen: [{address: 127.0.0.1:8080}]
admin: {address: 127.0.0.1:9901}
workers: 1
routes:
  - match: {prefix: /}
    cluster: docs
    shardKey: {header: x-shard-key}
clusters:
  docs:
    placement: {maglev: {tableSize: 65537}}
    hashOn: address
    shards:
      - {id: s0, address: 127.0.0.1:9101, weight: 1}
`;

function faultsOf(text: string): string {
  try {
    parseConfig(text, 'keyway.yaml');
  } catch (error) {
    if (error instanceof DocumentError) return error.message;
    throw error;
  }
  return 'none';
}

it('reads a config and fills in defaults', () => {
  const config = parseConfig(CONFIG, 'keyway.yaml');
  expect(config.listen).toMatchObject([{ host: '127.0.0.1', port: 8080 }]);
  expect(config.limits).toEqual({ ...defaultLimits, ...defaultRouterLimits });
  expect(config.clusters[0]).toMatchObject({
    name: 'docs',
    source: {
      kind: 'config',
      description: {
        name: 'docs',
        placement: { name: 'maglev', options: { tableSize: 65537 } },
        hashOn: 'address',
        shards: [{ id: 's0', address: '127.0.0.1:9101', weight: 1 }],
      },
    },
  });
});

it.each([
  [
    '65537',
    '65536',
    '10:37 clusters.docs.placement.maglev.tableSize: 65536 is not a prime number; the next one is 65537',
  ],
  ['hashOn', 'hashon', '11:5 clusters.docs.hashon: there is no such field; did you mean hashOn?'],
  ['shardKey', 'shardkey', '7:5 routes.0.shardkey: there is no such field; did you mean shardKey?'],
  ['cluster: docs', 'cluster: dosc', '6:14 routes.0.cluster: there is no cluster dosc; did you mean docs?'],
  [
    '{header: x-shard-key}',
    '{}',
    '7:15 routes.0.shardKey: give exactly one of header, value, path, query, cookie, clientAddress; none is given',
  ],
  ['9101', '99999', '13:27 clusters.docs.shards.0.address: port 99999 is beyond the last one, 65535'],
  [
    'maglev: {tableSize: 65537}',
    'slots: {}, ketama: {}',
    '10:16 clusters.docs.placement: give exactly one of ringHash, maglev, fixedRing, ketama, slots; ketama and slots are given',
  ],
  ['workers: 1', 'workers: none', '3:10 workers: is "none"; give a number'],
  [
    '{header: x-shard-key}',
    '[{header: a}, {heade: b}]',
    '7:30 routes.0.shardKey.1.heade: there is no such field; did you mean header?',
  ],
  ['{header: x-shard-key}', '{heade: b}', '7:16 routes.0.shardKey.heade: there is no such field; did you mean header?'],
  [
    'prefix: /',
    'regex: "(a"',
    '5:20 routes.0.match.regex: is not a valid RE2 expression: error parsing regexp: missing closing ): `(a`',
  ],
  [
    'prefix: /',
    'prefix: /, path: /x',
    '5:12 routes.0.match: give exactly one of prefix, path, regex; prefix and path are given',
  ],
  [
    'cluster: docs',
    'cluster: docs\n    headers: {request: {set: {Connection: close}}}',
    '7:43 routes.0.headers.request.set.Connection: Connection cannot be changed by a rule',
  ],
  ['prefix: /', 'prefix: x', '5:21 routes.0.match.prefix: begin it with /'],
  [
    '[{address: 127.0.0.1:8080}]',
    '[{address: 127.0.0.1:8080}, {address: "0.0.0.0:8080"}]',
    '1:47 listen.1.address: 0.0.0.0:8080, which is 127.0.0.1:8080 too, is used by listen.0.address; give each its own port',
  ],
  ['9901', '8080', '2:18 admin.address: 127.0.0.1:8080 is used by listen.0.address; give each its own port'],
  ['{header: x-shard-key}', '{cookie: a, decoded: true}', '7:15 routes.0.shardKey: decoded goes with query'],
  ['workers: 1', 'drain: {window: 5}', '3:17 drain.window: 5 has no unit; write it with one, such as 5s, 500ms or 2m'],
  [
    'workers: 1',
    'hold: {bytes: "64"}',
    '3:15 hold.bytes: "64" has no unit; write it with one, such as 1MiB, 64KiB or 100B',
  ],
  ['workers: 1', 'drain: {window: soon}', '3:17 drain.window: is "soon"; write 5s, 500ms or 2m'],
  ['workers: 1', 'drain: {window: 1000h}', '3:17 drain.window: write 2147483647ms or less'],
  ['workers: 1', 'limits: {connectTimeout: 0s}', '3:26 limits.connectTimeout: write 1ms or more'],
  ['workers: 1', 'limits: {maxUnsent: 0.3B}', '3:21 limits.maxUnsent: write whole bytes'],
  [
    'workers: 1',
    'drain: {windowMs: soon}',
    '3:9 drain.windowMs: is window now: write window: soon; keyway config upgrade keyway.yaml rewrites the file',
  ],
  ['workers: 1', 'drain: {windowMs: 5000, window: 5s}', '3:9 windowMs: window is there too; remove one of them'],
])('answers %s -> %s with where it is and how to fix it', (right, wrong, message) => {
  expect(faultsOf(CONFIG.replace(right, wrong)).split('\n')[0]).toBe(`keyway.yaml:${message}`);
});

it('reads what an earlier release wrote, and says how to rewrite it', () => {
  const notices: string[] = [];
  noticesGoTo((line) => notices.push(line));
  const former = 'drainSeconds: 20\ndrain: {windowMs: 700, graceMs: 900}';
  for (let i = 0; i < 2; i++) {
    const config = parseConfig(CONFIG.replace('workers: 1', former), 'keyway.yaml');
    expect([config.drainMs, config.drain.windowMs, config.drain.graceMs]).toEqual([20_000, 700, 900]);
  }
  expect(notices).toEqual([
    'keyway.yaml:3 drainSeconds: 20 is read as drainTimeout: 20s, and 2 more fields of an earlier release; keyway config upgrade keyway.yaml rewrites the file',
  ]);
});

it('names every fault, and what is missing', () => {
  const faults = faultsOf(
    CONFIG.replace('65537', '4')
      .replace('workers: 1', 'workers: 0')
      .replace(/^listen.*\n/, ''),
  );
  expect(faults.split('\n').length).toBe(3);
  expect(faults).toContain('listen: is missing; give a list');
});

it('reports repeated ids, and slots that overlap or are missing', () => {
  const shards = (first: string, second: string): string =>
    CONFIG.replace('{maglev: {tableSize: 65537}}', '{slots: {}}').replace(
      /- \{id.*/,
      `- {id: s0, address: "a:1", slots: "${first}"}\n      - {id: s1, address: "a:2", slots: "${second}"}`,
    );
  expect(faultsOf(shards('0-8191', '8192-16383'))).toBe('none');
  expect(faultsOf(shards('0-8192', '8192-16383'))).toContain('slot 8192 belongs to both s0 and s1');
  expect(faultsOf(shards('0-8190', '8192-16383'))).toContain('slot 8191 belongs to no shard');
  expect(faultsOf(shards('0-8191', '9000-16384'))).toContain('slot 16384 is beyond the last one, 16383');
  expect(faultsOf(CONFIG.replace(/(- \{id.*)/, '$1\n      $1'))).toContain('s0 appears more than once');
});

it('reports a name that two shards have if the name is hashed', () => {
  const shards = (one: string, other: string): string =>
    CONFIG.replace('hashOn: address', 'hashOn: hostname').replace(
      /- \{id.*/,
      `- {id: s0, address: "a:1"${one}}\n      - {id: s1, address: "a:2"${other}}`,
    );
  expect(faultsOf(shards('', ', hostname: b'))).toBe('none');
  expect(faultsOf(shards('', ''))).toContain('shards.1.address: a is the hostname of s0 too, and hashOn is hostname');
  expect(faultsOf(shards(', hostname: b', ', hostname: b'))).toContain(
    'shards.1.hostname: b is the hostname of s0 too',
  );
});

it.each([
  '127.0.0.1',
  '0.0.0.0',
  '"[::]',
  '"[::ffff:127.0.0.1]',
  'localhost',
])('reports that a port of 127.0.0.1 is taken if %s wants it too', (host) => {
  const other = host.startsWith('"') ? `${host}:8080"` : `${host}:8080`;
  expect(faultsOf(CONFIG.replace('}]', `}, {address: ${other}}]`))).toContain('is used by listen.0.address');
  expect(faultsOf(CONFIG.replace('}]', `}, {address: ${other.replace('8080', '8081')}}]`))).toBe('none');
});

it('says where the YAML itself is invalid', () => {
  expect(faultsOf('listen: [')).toMatch(/^keyway\.yaml:1:\d+ not YAML: /);
});
