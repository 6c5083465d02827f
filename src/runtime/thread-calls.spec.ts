import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { afterEach, expect, it } from 'vitest';
import { answerCalls, ThreadCaller, ThreadEnded } from './thread-calls.ts';

interface Sums {
  add(a: number, b: number): number;
  addLater(a: number, b: number): number;
  fail(how: 'at once' | 'later'): void;
  remember(word: unknown): void;
  remembered(): readonly unknown[];
  answerWithFunction(): object;
}

const open: MessagePort[] = [];
afterEach(() => {
  for (const port of open.splice(0)) port.close();
});

function connected(): { readonly calls: ThreadCaller<Sums>; readonly port: MessagePort } {
  const { port1, port2 } = new MessageChannel();
  open.push(port1, port2);
  const words: unknown[] = [];
  const cause = Object.assign(new TypeError('the address is taken'), { code: 'EADDRINUSE' });
  answerCalls<Sums>(port2, {
    add: (a, b) => a + b,
    addLater: async (a, b) => a + b,
    fail(how) {
      const error = new RangeError(`it fails ${how}`, { cause });
      if (how === 'at once') throw error;
      return Promise.reject(error);
    },
    remember: (word) => void words.push(word),
    remembered: () => words,
    answerWithFunction: () => ({ of: () => 1 }),
  });
  return { calls: new ThreadCaller<Sums>(port1), port: port2 };
}

it('gives each question its own answer, in whatever order they come', async () => {
  const { calls } = connected();
  expect(await Promise.all([calls.ask('addLater', 1, 2), calls.ask('add', 3, 4)])).toEqual([3, 7]);
});

it.each([
  'at once',
  'later',
] as const)('carries an error that is thrown %s with its name, message and cause', async (how) => {
  const error = await connected()
    .calls.ask('fail', how)
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    name: 'RangeError',
    message: `it fails ${how}`,
    cause: { name: 'TypeError', message: 'the address is taken', code: 'EADDRINUSE' },
  });
  expect(error).toBeInstanceOf(Error);
});

it('begins calls in their order, whether or not they want an answer', async () => {
  const { calls } = connected();
  calls.notify('remember', 'one');
  void calls.ask('remember', 'two');
  calls.notify('remember', 'three');
  expect(await calls.ask('remembered')).toEqual(['one', 'two', 'three']);
});

it('carries both ways over one port', async () => {
  const { calls, port } = connected();
  const back = new ThreadCaller<{ double(of: number): number }>(port);
  const [own] = open;
  answerCalls<{ double(of: number): number }>(own as MessagePort, { double: (of) => 2 * of });
  expect(await Promise.all([back.ask('double', 21), calls.ask('add', 1, 1)])).toEqual([42, 2]);
});

it('refuses what cannot be copied, as a question and as an answer', async () => {
  const { calls } = connected();
  await expect(calls.ask('remember', () => 'a function')).rejects.toThrow('could not be cloned');
  await expect(calls.ask('answerWithFunction')).rejects.toThrow('could not be cloned');
});

it('refuses what waits for an answer, and what is asked later, once the thread has ended', async () => {
  const worker = new Worker('require("node:worker_threads").parentPort.once("message", () => process.exit(3))', {
    eval: true,
  });
  const calls = new ThreadCaller<Sums>(worker);
  await expect(calls.ask('add', 1, 2)).rejects.toThrow(ThreadEnded);
  await expect(calls.ask('add', 1, 2)).rejects.toThrow(ThreadEnded);
});

it('leaves what ends a thread to whoever listens for it', async () => {
  const worker = new Worker(
    'require("node:worker_threads").parentPort.once("message", () => { throw new Error("broken") })',
    {
      eval: true,
    },
  );
  const fault = new Promise((resolve) => worker.once('error', resolve));
  await expect(new ThreadCaller<Sums>(worker).ask('add', 1, 2)).rejects.toThrow(ThreadEnded);
  expect(await fault).toMatchObject({ message: 'broken' });
});
