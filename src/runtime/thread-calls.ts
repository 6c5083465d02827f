/**
 * Calls from one thread to another: each side says by an interface what it may be asked, `{ name(args): answer }`, and the other
 * one asks by these names. What travels is copied (structured clone), so that answers are plain data.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';

type Call = (...args: never[]) => unknown;
/** What a thread may be asked: methods of an interface. */
type CallsOf<Calls> = { readonly [Name in keyof Calls]: Call };
type Question<Asked> = Asked extends (...args: infer Args) => unknown ? Args : never;
type Answer<Asked> = Asked extends (...args: never[]) => infer Value ? Awaited<Value> : never;

/** What answers the calls: the same names, at once or later. */
export type Answers<Calls extends CallsOf<Calls>> = {
  readonly [Name in keyof Calls]: (
    ...args: Question<Calls[Name]>
  ) => Answer<Calls[Name]> | Promise<Answer<Calls[Name]>>;
};

/** An error as it travels: what people and programs look at of it. */
interface TravellingError {
  readonly name: string;
  readonly message: string;
  readonly code: string | undefined;
  readonly cause: TravellingError | null;
}

/** `id` is 0 where no answer is waited for. */
interface CallMessage {
  readonly call: string;
  readonly id: number;
  readonly args: readonly unknown[];
}

type AnswerMessage =
  | { readonly answerTo: number; readonly value: unknown }
  | { readonly answerTo: number; readonly error: TravellingError };

type Message = CallMessage | AnswerMessage;

/** The other thread, as this one sees it: a `Worker`, or a `MessagePort`. */
interface Port {
  postMessage(message: unknown): void;
  on(event: string, listener: (message: Message) => void): unknown;
}

/** A thread was asked that has ended, or ended before it answered. */
export class ThreadEnded extends Error {
  override readonly name = 'ThreadEnded';

  constructor() {
    super('the thread that was asked has ended');
  }
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The side that asks. A port may have one beside what answers on this side. */
export class ThreadCaller<Calls extends CallsOf<Calls>> {
  readonly #port: Port;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #hasEnded = false;

  constructor(port: Port) {
    this.#port = port;
    port.on('message', (message) => {
      if ('answerTo' in message) this.#onAnswer(message);
    });
    const onEnd = (): void => this.#onEnd();
    // A worker says `exit`, a port by itself `close`. What ended a worker comes as its `error`, where that is listened
    // for, or ends the process.
    port.on('exit', onEnd);
    port.on('close', onEnd);
  }

  /** @throws what the other side threw, by its name, message, code and cause; ThreadEnded */
  ask<Name extends keyof Calls & string>(name: Name, ...args: Question<Calls[Name]>): Promise<Answer<Calls[Name]>> {
    return new Promise((resolve, reject) => {
      if (this.#hasEnded) throw new ThreadEnded();
      const id = this.#nextId++;
      // What cannot be copied is thrown here, and nothing waits for it.
      this.#port.postMessage({ call: name, id, args } satisfies CallMessage);
      // The other side answers by the same interface.
      this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
    });
  }

  /** The same where no answer is waited for: what the other side throws ends that thread. */
  notify<Name extends keyof Calls & string>(name: Name, ...args: Question<Calls[Name]>): void {
    this.#port.postMessage({ call: name, id: 0, args } satisfies CallMessage);
  }

  #onAnswer(answer: AnswerMessage): void {
    const waiting = this.#waiting.get(answer.answerTo);
    this.#waiting.delete(answer.answerTo);
    if ('error' in answer) waiting?.reject(arrived(answer.error));
    else waiting?.resolve(answer.value);
  }

  #onEnd(): void {
    this.#hasEnded = true;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(new ThreadEnded());
  }
}

/** The side that answers, for as long as the port is open. Calls begin in the order in which they were made. */
export function answerCalls<Calls extends CallsOf<Calls>>(port: Port, answers: Answers<Calls>): void {
  const byName: Readonly<Record<string, Call>> = answers;
  port.on('message', (message) => {
    if (!('call' in message)) return;
    const { call, id, args } = message;
    const answered = new Promise((resolve) => resolve(byName[call]?.(...(args as never[]))));
    // A failure of a call that nothing waits for is reported to no caller: left alone, it ends the thread, as any error
    // does.
    if (id === 0) return;
    const post = (answer: AnswerMessage): void => port.postMessage(answer);
    answered
      .then((value) => post({ answerTo: id, value }))
      .catch((error) => post({ answerTo: id, error: departing(error) }));
  });
}

/** In a thread that another one has started: the way to that one, and what it gave along. */
export function startedBy<Birth>(): { readonly starter: MessagePort; readonly birth: Birth } {
  if (parentPort === null) throw new Error('this thread is the one that the process began with');
  return { starter: parentPort, birth: workerData };
}

function departing(error: unknown): TravellingError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), code: undefined, cause: null };
  const { name, message, cause, code }: NodeJS.ErrnoException = error;
  return { name, message, code, cause: cause === undefined ? null : departing(cause) };
}

function arrived({ name, message, code, cause }: TravellingError): Error {
  const error: NodeJS.ErrnoException = new Error(message, cause === null ? {} : { cause: arrived(cause) });
  error.name = name;
  if (code !== undefined) error.code = code;
  return error;
}
