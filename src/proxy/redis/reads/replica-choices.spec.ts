import { expect, it } from 'vitest';
import { type Choice, ReplicaChoices } from './replica-choices.ts';

const NONE: ReadonlySet<never> = new Set();

function replica(): Choice & { pool: { underWay: number; isSilent: boolean } } {
  return { health: null, pool: { underWay: 0, isSilent: false } };
}

it('tries one that has answered nothing by one read, and sends the others where answers come from', () => {
  const choices = new ReplicaChoices(() => 0);
  const [known, hung] = [replica(), replica()];
  choices.onAnswer(known, 1);
  expect(choices.choose([known, hung], NONE, 0, true)).toBe(hung);
  hung.pool.underWay = 1;
  for (known.pool.underWay = 0; known.pool.underWay < 100; known.pool.underWay++)
    expect(choices.choose([known, hung], NONE, 0, true)).toBe(known);
});

it('chooses none that has been silent for long, unless nobody else can answer', () => {
  const choices = new ReplicaChoices(() => 0);
  const [silent, other] = [replica(), replica()];
  choices.onAnswer(silent, 1);
  choices.onAnswer(other, 9);
  silent.pool.isSilent = true;
  expect(choices.choose([silent, other], NONE, 0, true)).toBe(other);
  expect(choices.choose([silent], NONE, 0, true)).toBe(null);
  expect(choices.choose([silent], NONE, 0, false)).toBe(silent);
});

it('sends one read at a time to one that has failed, until it has answered', () => {
  const choices = new ReplicaChoices(() => 0);
  const failed = replica();
  choices.onFailure(failed, 0);
  expect(choices.choose([failed], NONE, 499, true)).toBe(null);
  expect(choices.choose([failed], NONE, 500, true)).toBe(failed);
  failed.pool.underWay = 1;
  expect(choices.choose([failed], NONE, 500, true)).toBe(null);
  choices.onAnswer(failed, 1);
  expect(choices.choose([failed], NONE, 500, true)).toBe(failed);
});
