import { afterEach, expect, it } from 'vitest';
import { Scope } from '../support/processes.ts';
import { etcd, registryOn } from '../support/registries.ts';
import { describeLargestTopologies, describeRegistries, draft } from './contract.ts';

const scope = new Scope();
afterEach(() => scope.release());

describeRegistries(scope, {
  'etcd, one member': [(each) => etcd(each, 1)],
  'etcd, three members': [(each) => etcd(each, 3)],
});
describeLargestTopologies(scope, [
  ['etcd', (each) => etcd(each, 1), 1.6],
  // Beyond what etcd reads of a request at all.
  ['etcd', (each) => etcd(each, 1), 2.5],
]);

it('keeps committing and leading while one of three members of etcd is gone', async () => {
  const store = await etcd(scope, 3);
  const { topologies, elections } = registryOn(store.open(), scope);
  await topologies.commit(draft(1));
  const term = await elections.campaign('docs', 'a', 5000, new AbortController().signal);
  for (const server of store.servers) {
    await server.kill();
    for (let i = 0; i < 5; i++) await topologies.commit(draft(2));
    expect(term?.isLeading).toBe(true);
    await server.start();
  }
  expect(term?.isLeading).toBe(true);
  await term?.resign();
}, 90_000);
