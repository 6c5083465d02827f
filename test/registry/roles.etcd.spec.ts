import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { mayWrite, type Role } from '../../src/registry/access/roles.ts';
import { EtcdStore } from '../../src/registry/store/etcd-store.ts';
import { Scope } from '../support/processes.ts';
import { etcd } from '../support/registries.ts';

const scope = new Scope();
afterEach(() => scope.release());

const cluster = { namespace: 'default', cluster: 'docs' };
/** What is called a user here, and stands in docs/registry.md as a role of etcd. */
const roles: Readonly<Record<string, Role>> = {
  read: { kind: 'read' },
  route: { kind: 'route', cluster: null },
  'shard-docs-s0': { kind: 'shard', cluster, shard: 's0' },
  administer: { kind: 'administer' },
};
const KEYS = [
  'member/router/r1',
  'member/node/default/docs/s0/n1',
  'member/node/default/docs/s1/n1',
  'topology/default/docs/current',
  'version/default/docs/0000000000000001',
  'handoff/default/docs/state',
  'handoff/default/docs/node/s0/n1',
  'handoff/default/docs/node/s1/n1',
  'election/handoff/default/docs',
  'election/housekeeping/default/docs',
  'election/housekeeping/default/docs/shard/s0',
  'election/housekeeping/default/docs/shard/s1',
  'document/housekeeping/default/docs/board/claim/p',
  'document/housekeeping/default/docs/board/paused',
  'document/housekeeping/default/docs/state/p',
  'namespace/team',
];

it('has roles in etcd that may write what the registry’s own may, by the commands of its docs', async () => {
  const { config } = await etcd(scope, 1);
  const { endpoints } = (config as { etcd: { endpoints: string[] } }).etcd;
  const docs = readFileSync(new URL('../../docs/registry.md', import.meta.url), 'utf8');
  const [, commands = ''] = /```sh\n(grant\(\)[^`]*)```/.exec(docs) ?? [];
  const env = { ...process.env, ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: endpoints.join() };
  const people = Object.keys(roles).map(
    (name) => `etcdctl user add ${name}:pw\netcdctl user grant-role ${name} keyway-${name}`,
  );
  const root = 'etcdctl user add root:pw\netcdctl user grant-role root root\netcdctl auth enable';
  execFileSync('sh', ['-ec', [commands, ...people, root].join('\n')], { env, stdio: 'pipe' });

  for (const [name, role] of Object.entries(roles)) {
    const store = new EtcdStore({
      endpoints,
      user: { name, password: 'pw' },
      timeOfDayMs: Date.now,
      random: Math.random,
    });
    scope.defer(() => store.close());
    await store.list('');
    for (const key of KEYS) {
      const written = await store.commit([], [{ key, value: '{}' }]).then(
        () => true,
        (error: Error) => {
          expect(error.message).toContain('permission denied');
          return false;
        },
      );
      expect(written, `${name}: ${key}`).toBe(mayWrite(role, key));
    }
  }
}, 60_000);
