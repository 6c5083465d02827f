import { afterEach, expect, it } from 'vitest';
import { draft } from '../../test/support/changes-in-waves.ts';
import { Scope } from '../../test/support/processes.ts';
import { registryOn, sqlite } from '../../test/support/registries.ts';

const scope = new Scope();
afterEach(() => scope.release());

it('is not deleted where a cluster is created in it at the same time', async () => {
  const file = await sqlite(scope);
  const other = registryOn(file.open(), scope);
  await other.namespaces.create('shop');
  const store = file.open();
  const list = store.list.bind(store);
  store.list = async (prefix) => {
    const found = await list(prefix);
    if (prefix === 'topology/shop/') await other.topologies.commit({ ...draft(['a']), namespace: 'shop' });
    return found;
  };
  const registry = registryOn(store, scope);
  await expect(registry.namespaces.delete('shop')).rejects.toThrow('the namespace shop was changed meanwhile');
  expect(await other.namespaces.list()).toEqual(['default', 'shop']);
});
