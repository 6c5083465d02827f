import { afterEach, expect, it } from 'vitest';
import { FaultyStore } from '../../test/support/faulty-store.ts';
import { Scope } from '../../test/support/processes.ts';
import { registryOn, sqlite } from '../../test/support/registries.ts';

const scope = new Scope();
afterEach(() => scope.release());

it('reports once that the registry cannot be reached, with the reason, and once that it can be reached again', async () => {
  const link = new FaultyStore((await sqlite(scope)).open());
  const registry = registryOn(link, scope);
  const told: Array<string | null> = [];
  registry.onOutage((reason) => told.push(reason));
  await registry.members.list('router');
  // One that is lost alone is no outage.
  link.fate = () => 'lost';
  await expect(registry.members.list('router')).rejects.toThrow('list is lost');
  link.fate = () => 'done';
  await registry.members.list('router');
  expect(told).toEqual([]);
  link.fate = () => 'lost';
  for (let i = 0; i < 3; i++) await expect(registry.members.list('router')).rejects.toThrow('list is lost');
  expect(told).toEqual(['the registry of the test cannot be reached: list is lost']);
  link.fate = () => 'done';
  await registry.members.list('router');
  expect(told).toEqual([told[0], null]);
});
