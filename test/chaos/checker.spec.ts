import { describe, expect, it } from 'vitest';
import { check } from './checker.ts';
import type { History } from './history.ts';
import { registerOperations } from './linearizability/operations.ts';
import { call, GOOD, INNOCENT, operation, PLANTED } from './planted.ts';

function rules(history: History): string[] {
  return [...new Set(check(history).violations.map(({ rule }) => rule))];
}

it('reports what it looked at', () => {
  expect(check(GOOD).counts).toMatchObject({
    puts: 3,
    gets: 3,
    failed: 1,
    failedUndisturbed: 0,
    watchers: 2,
    streams: 3,
    events: 2,
    versions: 2,
    changes: 1,
    movedStreams: 1,
    keysHandedOver: 1,
    begunElsewhere: 0,
  });
});

it('counts what a shard begins for a key of another, also where no client waits for it any more', () => {
  const late = operation({ shard: 's0', pid: 1, operation: 'put', begin: 40, end: 41, abandoned: true });
  const { counts, violations } = check({ ...GOOD, operations: [...GOOD.operations, late], plain: ['s0'] });
  expect([counts.begunElsewhere, violations]).toEqual([1, []]);
});

describe('the checker', () => {
  it.each(INNOCENT)('finds nothing in $name', ({ history }) => {
    expect(check(history).violations).toEqual([]);
  });

  // What only porcupine can see `npm run conformance` has it look at.
  const ownRules = PLANTED.map(({ name, rules: wanted, history }) => ({
    name,
    history,
    wanted: wanted.filter((rule) => rule !== 'linearizable'),
  }));
  it.each(ownRules.filter(({ wanted }) => wanted.length > 0))('finds $name', ({ history, wanted }) => {
    expect(rules(history)).toEqual(expect.arrayContaining([...wanted]));
  });
});

describe('what is judged for linearizability', () => {
  const failed = call({ id: 'f', operation: 'put', value: 'f', begin: 20, end: 21, error: 'UNAVAILABLE' });
  const failedGet = call({ id: 'x', operation: 'get', begin: 20, end: 21, error: 'UNAVAILABLE' });

  it('leaves out calls that had no effect, and leaves the end of those open that had', () => {
    const stored = [{ key: 'k', revision: 5, value: 'f', version: 1 }];
    const never = registerOperations({ ...GOOD, calls: [failed, failedGet], stored: [] });
    expect(never).toEqual([]);
    const [put] = registerOperations({ ...GOOD, calls: [failed, failedGet], stored });
    expect(put).toMatchObject({ kind: 'put', value: 'f', revision: 5, begin: 0, end: null });
  });

  it('has what the store holds in the end as a last read', () => {
    const last = registerOperations(GOOD).at(-1);
    expect(last).toMatchObject({ kind: 'get', key: 'k', value: 'b', revision: 2 });
  });
});
