import { afterEach, expect, it } from 'vitest';
import { NAME, registries } from '../../../test/support/changes-in-waves.ts';
import { Scope } from '../../../test/support/processes.ts';
import type { StoredDocument } from '../../registry/index.ts';
import { changed, type OpenSlots, queued } from './migration.ts';
import { StoredQueue } from './stored-queue.ts';

const scope = new Scope();
afterEach(() => scope.release());

const DOCUMENT = `migrations/${NAME.namespace}/${NAME.cluster}`;
const MOVE = { from: 'a', to: 'b', slots: [[3, 9]] as const, withData: true, keysPerSecond: null };

/** A queue with one migration, and what of it is on its way as the registry has it. */
async function stored() {
  const { documents } = (await registries(scope))();
  const registry = { documents } as ConstructorParameters<typeof StoredQueue>[0];
  const queue = new StoredQueue(registry, NAME);
  await queue.change((now) => queued(now, [MOVE]), null);
  const document = async () => {
    const { value, revision } = (await documents.get(DOCUMENT)) as StoredDocument;
    return { value: value as { migrations: Array<{ open: unknown }> }, revision };
  };
  const open = async (change: OpenSlots) => {
    await queue.change((now) => changed(now, 1, (each) => ({ ...each, open: change })), null);
    return (await document()).value.migrations[0]?.open;
  };
  const put = async (open: unknown) => {
    const { value, revision } = await document();
    await documents.put(DOCUMENT, { ...value, migrations: [{ ...value.migrations[0], open }] }, revision);
    return (await queue.read()).migrations[0]?.open;
  };
  return { open, put, read: async () => (await queue.read()).migrations[0]?.open };
}

it('reads the slot that an earlier release has on its way', async () => {
  const { put } = await stored();
  const [own, none] = [[[3, 3]], []];
  expect(await put({ slot: 3, run: 'x', isSettling: false })).toEqual({ moving: own, settling: none, run: 'x' });
  expect(await put({ slot: 3, run: 'x', isSettling: true })).toEqual({ moving: none, settling: own, run: 'x' });
  expect(await put({ slot: 3, isSettling: false })).toEqual({ moving: own, settling: none, run: '' });
});

it('writes a single slot so that an earlier release can go on with it, and several in a way that it leaves alone', async () => {
  const { open, read } = await stored();
  expect(await open({ moving: [], settling: [[3, 3]], run: 'x' })).toEqual({ slot: 3, run: 'x', isSettling: true });
  const several: OpenSlots = { moving: [[4, 5]], settling: [[3, 3]], run: 'x' };
  const document = await open(several);
  expect(document).toEqual({ moving: '4-5', settling: '3', run: 'x' });
  expect(document).not.toHaveProperty('slot');
  expect(await read()).toEqual(several);
});
