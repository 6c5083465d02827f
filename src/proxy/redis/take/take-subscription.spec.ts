import { expect, it } from 'vitest';
import { BufferPool } from '../../../io/index.ts';
import { commandOf } from '../../../resp/index.ts';
import type { ClientSession } from '../client-session.ts';
import { type CommandInfo, findCommand } from '../commands/index.ts';
import { KeptBytes } from '../kept-bytes.ts';
import type { Answer } from '../requests/answer.ts';
import { takeSubscription } from './take-subscription.ts';

it('has no more names of a command under way than commands may be', () => {
  const added: string[] = [];
  const answers: Answer[] = [];
  const session = {
    entry: { owners: { size: 2 } },
    keptBytes: new KeptBytes(new BufferPool({ maxUnsentBytes: 2 ** 20, maxBacklogBytes: 2 ** 20 })),
    subscribe: () => ({ add: (_kind: string, name: string) => added.push(name) > 0 }),
    expect: (answer: Answer) => answers.push(answer),
    waitForAll: () => {},
    onBytes: (answer: Answer) => {
      answer.isDone = true;
      return true;
    },
  } as unknown as ClientSession;
  const names = Array.from({ length: 1500 }, (_, i) => String(i));
  const command = commandOf(['SUBSCRIBE', ...names]);
  takeSubscription(session, findCommand(command) as CommandInfo, command);
  const counts = [added.length];
  for (let answer = answers.shift(); answer !== undefined; answer = answers.shift()) {
    answer.onFirst();
    expect(answer.isDone).toBe(true);
    counts.push(added.length);
  }
  expect(counts).toEqual([512, 1024, 1500]);
  expect(added).toEqual(names);
});

it('counts the names that have to wait as kept, and takes no more than there is room for', () => {
  const kept = new KeptBytes(new BufferPool({ maxUnsentBytes: 100_000, maxBacklogBytes: 2 ** 20 }));
  const answers: Answer[] = [];
  const refused: string[] = [];
  const removed: string[] = [];
  const session = {
    entry: { owners: { size: 1 } },
    keptBytes: kept,
    subscriber: null,
    subscribe: () => ({ remove: (_kind: string, name: string) => removed.push(name) }),
    expect: (answer: Answer) => answers.push(answer),
    refuse: (reason: string) => refused.push(reason),
    waitForAll: () => {},
    onBytes: () => true,
  } as unknown as ClientSession;
  const unsubscribe = (count: number): void => {
    const command = commandOf(['UNSUBSCRIBE', ...Array.from({ length: count }, () => 'x'.repeat(10))]);
    takeSubscription(session, findCommand(command) as CommandInfo, command);
  };
  unsubscribe(1500);
  expect(kept.bytes).toBe(1500 * 50);
  answers.shift()?.onFirst();
  expect([removed.length, kept.bytes]).toEqual([1024, 476 * 50]);
  answers.shift()?.onFirst();
  expect([removed.length, kept.bytes]).toEqual([1500, 0]);
  unsubscribe(2001);
  expect([refused, kept.bytes, answers.length]).toEqual([['too_long'], 0, 0]);
});
