import { afterEach, expect, it } from 'vitest';
import { buildPorcupine, checkLinearizability } from '../chaos/linearizability/porcupine.ts';
import { INNOCENT, PLANTED } from '../chaos/planted.ts';
import { Scope } from '../support/processes.ts';

const scope = new Scope();
afterEach(() => scope.release());
buildPorcupine();

it.each(INNOCENT)('has porcupine find nothing in $name', async ({ history }) => {
  const { violations, counts } = await checkLinearizability(history, scope.folder());
  expect(violations).toEqual([]);
  expect(counts.undecidedKeys).toBe(0);
});

it.each(PLANTED.filter(({ rules }) => rules.includes('linearizable')))('has porcupine find $name', async ({
  history,
}) => {
  const { violations } = await checkLinearizability(history, scope.folder());
  expect(violations).toMatchObject([{ rule: 'linearizable' }]);
});
