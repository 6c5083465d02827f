import { expect, it } from 'vitest';
import { mayDependOn, mayWrite, type Role, rolesThatMayWrite } from './roles.ts';

const cluster = { namespace: 'default', cluster: 'docs' };
const roles: Readonly<Record<string, Role>> = {
  read: { kind: 'read' },
  route: { kind: 'route', cluster: null },
  'route for default/docs': { kind: 'route', cluster },
  'shard of default/docs/s0': { kind: 'shard', cluster, shard: 's0' },
  administer: { kind: 'administer' },
};

/** The roles that may write each key, besides those that administer. */
const writers: ReadonlyArray<readonly [key: string, roles: readonly string[]]> = [
  ['member/router/r1', ['route', 'route for default/docs']],
  ['topology/default/docs/current', ['route', 'route for default/docs']],
  ['version/default/docs/0000000000000001', ['route', 'route for default/docs']],
  ['handoff/default/docs/state', ['route', 'route for default/docs']],
  ['election/handoff/default/docs', ['route', 'route for default/docs']],
  ['handoff/default/docs/node/s0/n1', ['route', 'route for default/docs', 'shard of default/docs/s0']],
  ['handoff/default/docs/router/r1.0123456789abcdef', ['route', 'route for default/docs']],
  ['handoff/default/docs2/router/r1.0123456789abcdef', ['route']],
  ['topology/default/docs2/current', ['route']],
  ['election/handoff/default/docs2', ['route']],
  ['member/node/default/docs/s0/n1', ['shard of default/docs/s0']],
  ['election/housekeeping/default/docs', ['shard of default/docs/s0']],
  ['election/housekeeping/default/docs/shard/s0', ['shard of default/docs/s0']],
  ['document/housekeeping/default/docs/board/claim/p', ['shard of default/docs/s0']],
  ['document/housekeeping/default/docs/state/p', ['shard of default/docs/s0']],
  ['document/housekeeping/default/docs/board/order/compact', []],
  ['document/housekeeping/default/docs/board/paused', []],
  ['handoff/default/docs/node/s01/n1', ['route', 'route for default/docs']],
  ['member/node/default/docs/s01/n1', []],
  ['member/node/default/docs/s1/n1', []],
  ['election/housekeeping/default/docs/shard/s1', []],
  ['member/routers', []],
  ['namespace/team', []],
  ['election/discovery/default/docs', []],
  ['', []],
];

it('has each role write what is its own', () => {
  for (const [key, expected] of writers)
    for (const [name, role] of Object.entries(roles))
      expect(mayWrite(role, key), `${name}: ${key}`).toBe(name === 'administer' || expected.includes(name));
});

it('refuses conditions on entries that its writer has nothing to do with', () => {
  expect(mayDependOn(roles.route as Role, 'namespace/team')).toBe(true);
  expect(mayDependOn(roles['shard of default/docs/s0'] as Role, 'handoff/default/docs/node/s1/')).toBe(false);
  expect(mayDependOn(roles['route for default/docs'] as Role, '')).toBe(false);
  expect(mayDependOn(roles.read as Role, 'namespace/team')).toBe(false);
});

it('names the roles that may write a key', () => {
  const named = {
    'member/node/default/docs/s0/n1': 'shard of default/docs/s0',
    'handoff/default/docs/node/s0/n1': 'shard of default/docs/s0 or route',
    'document/housekeeping/default/docs/state/p': 'shard of default/docs',
    'document/housekeeping/default/docs/board/paused': 'administer',
    'election/housekeeping/default/docs/shard/s1': 'shard of default/docs/s1',
    'election/housekeeping/default/docs': 'shard of default/docs',
    'member/router/r1': 'route',
    'topology/default/docs/current': 'route',
    'namespace/team': 'administer',
    'document/housekeeping': 'administer',
    x: 'administer',
  };
  for (const [key, role] of Object.entries(named)) expect(rolesThatMayWrite(key), key).toBe(role);
});
