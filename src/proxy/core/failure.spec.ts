import { describe, expect, it } from 'vitest';
import { FAILURES, type FailureCause, failureCauses } from './failure.ts';

/** For each cause: whose fault, health, repetitions, log. */
const TABLE: ReadonlyArray<readonly [FailureCause, string, boolean, string, boolean]> = [
  ['not_switched', 'client', false, 'never', false],
  ['declined', 'client', false, 'idempotent', false],
  ['unreachable', 'connection', false, 'always', false],
  ['lost', 'connection', true, 'idempotent', false],
  ['refused', 'shard', true, 'always', false],
  ['gave_up', 'shard', true, 'idempotent', false],
  ['stalled', 'shard', false, 'never', false],
  ['violation', 'shard', true, 'never', true],
  ['unhealthy', 'router', false, 'never', false],
  ['overloaded', 'router', false, 'never', false],
];

describe('what follows from a cause', () => {
  it.each(TABLE)('%s', (cause, fault, countsAgainstHealth, repeats, isLogged) => {
    expect(FAILURES[cause]).toEqual({ fault, countsAgainstHealth, repeats, isLogged });
  });

  it('is said of all of them, and nothing that a client can bring about is held against the shard', () => {
    expect(TABLE.map(([cause]) => cause)).toEqual([...failureCauses]);
    for (const { fault, countsAgainstHealth, isLogged } of Object.values(FAILURES))
      if (fault === 'client' || fault === 'router') expect([countsAgainstHealth, isLogged]).toEqual([false, false]);
  });
});
