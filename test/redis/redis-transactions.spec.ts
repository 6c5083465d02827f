import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { Scope } from '../support/processes.ts';
import { RedisRouter } from './redis-router.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** Commands of one client, and `other`: another one writes. */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('MULTI', 'EXEC', 'DISCARD', 'UNWATCH') },
  { weight: 3, arbitrary: fc.constantFrom('SET stays/a 1', 'SET stays/b 2', 'GET stays/a', 'INCR stays/b') },
  { weight: 2, arbitrary: fc.constantFrom('WATCH stays/a', 'WATCH stays/b') },
  { weight: 1, arbitrary: fc.constantFrom('SET moves/a 1', 'NOSUCH', 'GET', 'DEBUG x', 'WATCH moves/a') },
  { weight: 2, arbitrary: fc.constantFrom('other SET stays/a 3', 'other SET stays/b 4') },
);

const CROSS_SLOT = "-CROSSSLOT Keys in request don't hash to the same slot";

/** What Redis does with such commands, of which each key is at one of two shards. Errors are told by their code. */
class Model {
  readonly values = new Map<string, number>();
  queue: string[][] | null = null;
  isFaulty = false;
  watched = new Set<string>();
  isDirty = false;

  answer(text: string): string {
    const [name = '', key = '', value = ''] = text.split(' ');
    if (name === 'MULTI') return this.#multi();
    if (name === 'EXEC') return this.#exec();
    if (name === 'DISCARD') return this.#discard();
    if (name === 'WATCH') return this.#watch(key);
    if (this.queue !== null) return this.#enqueue([name, key, value]);
    if (name === 'UNWATCH') this.#unwatch();
    return this.#carryOut([name, key, value]);
  }

  write(key: string, value: number): void {
    this.values.set(key, value);
    this.isDirty ||= this.watched.has(key);
  }

  #multi(): string {
    if (this.queue !== null) return '-ERR';
    this.queue = [];
    this.isFaulty = false;
    return 'OK';
  }

  #exec(): string {
    const { queue, isFaulty, isDirty } = this;
    if (queue === null) return '-ERR';
    this.queue = null;
    this.#unwatch();
    if (isFaulty) return '-EXECABORT';
    return isDirty ? 'nil' : `[${queue.map((words) => this.#carryOut(words)).join(', ')}]`;
  }

  #discard(): string {
    if (this.queue === null) return '-ERR';
    this.queue = null;
    this.#unwatch();
    return 'OK';
  }

  #watch(key: string): string {
    if (this.queue !== null) return '-ERR';
    const [first = key] = this.watched;
    if (shardOf(first) !== shardOf(key)) return CROSS_SLOT;
    this.watched.add(key);
    return 'OK';
  }

  #unwatch(): void {
    this.watched.clear();
    this.isDirty = false;
  }

  #enqueue(words: string[]): string {
    const [name = '', key = ''] = words;
    const keys = [...(this.queue ?? []).map(([, each = '']) => each), ...this.watched].filter((each) => each !== '');
    const [first = key] = keys;
    const isKnown = /^(SET|INCR|UNWATCH)$/.test(name) || (name === 'GET' && key !== '');
    if (isKnown && (key === '' || shardOf(first) === shardOf(key))) {
      this.queue?.push(words);
      return 'QUEUED';
    }
    this.isFaulty = true;
    return isKnown ? CROSS_SLOT : '-ERR';
  }

  #carryOut([name, key = '', value]: string[]): string {
    switch (name) {
      case 'UNWATCH':
        return 'OK';
      case 'SET':
        this.write(key, Number(value));
        return 'OK';
      case 'INCR':
        this.write(key, (this.values.get(key) ?? 0) + 1);
        return `:${this.values.get(key)}`;
      case 'GET':
        if (key !== '') return String(this.values.get(key) ?? 'nil');
    }
    return '-ERR';
  }
}

function shardOf(key: string): string {
  return key.split('/')[0] as string;
}

function withoutText(answer: string): string {
  return answer.startsWith('-') && answer !== CROSS_SLOT ? (answer.split(' ')[0] as string) : answer;
}

it('does with transactions what Redis does, whatever comes in whatever order', async () => {
  const router = await RedisRouter.start(scope);
  const other = router.client();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      for (const { values } of router.shards) values.clear();
      const model = new Model();
      const client = router.client();
      const expected: string[] = [];
      for (const each of steps) {
        const [first, , key = '', value] = each.split(' ');
        if (first === 'other') {
          // What the client has sent before is carried out before.
          await client.hasHeard(expected.length);
          model.write(key, Number(value));
          await other.ask(each.slice('other '.length));
        } else {
          expected.push(model.answer(each));
          client.say(each);
        }
      }
      await client.hasHeard(expected.length);
      client.socket.destroy();
      expect(client.heard.map(withoutText)).toEqual(expected);
    }),
    {
      numRuns: 100,
      // Its own write, just before, is one to what it watches.
      examples: [
        [
          [
            'WATCH stays/b',
            'INCR stays/b',
            'MULTI',
            'EXEC',
            'WATCH stays/b',
            'SET stays/b 7',
            'MULTI',
            'GET stays/b',
            'EXEC',
          ],
        ],
      ],
    },
  );
});
