import { expect, it } from 'vitest';
import { commandOf } from '../../../resp/index.ts';
import type { ClientSession } from '../client-session.ts';
import { type CommandInfo, findCommand } from '../commands/index.ts';
import type { Answer } from '../requests/answer.ts';
import { takeSubscription } from './take-subscription.ts';

it('has no more names of a command under way than commands may be', () => {
  const added: string[] = [];
  const answers: Answer[] = [];
  const session = {
    entry: { owners: { size: 2 } },
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
