import type { Answer, Operation } from './keyway/request.ts';
import type { SimulatedRouter } from './keyway/router.ts';
import { KEYS } from './keyway/setting.ts';
import type { SimulatedProcess } from './machine/process.ts';
import type { World } from './world.ts';

const CALLERS = 5;
const WATCHERS = 3;
/** Where changes go in waves. */
const MANY_WATCHERS = 9;
/** Between two calls of a client. */
const THINK_MS = 60;
/** So many puts are too long to be kept. */
const LONG_SHARE = 0.2;
/** Slow calls overlap: of one key there is always one under way. They take longer than requests are held. */
const SLOW_EVERY_MS = 1500;
const SLOW_MS = 2300;
/** After a failure, or where no router is there. */
const BACK_OFF_MS = 100;

/** Clients: they put and get keys through the routers, and watch them. */
export class Clients {
  readonly #world: World;
  readonly #process: SimulatedProcess;
  readonly #random: () => number;
  #operations = 0;
  #isOver = false;
  #open = 0;

  constructor(world: World) {
    this.#world = world;
    this.#process = world.newProcess('clients');
    this.#random = world.randomOf('clients');
    for (let i = 0; i < CALLERS; i++) this.#later(THINK_MS, () => this.#call(`client ${i}`));
    if (world.plan.hasSlowCalls) this.#later(THINK_MS, () => this.#callSlowly());
    const watchers = world.plan.waves ? MANY_WATCHERS : WATCHERS;
    for (let i = 0; i < watchers; i++) this.#later(THINK_MS, () => this.#watch(`watcher ${i}`, this.#anyKey()));
  }

  /** They begin nothing any more. */
  end(): void {
    this.#isOver = true;
  }

  get open(): number {
    return this.#open;
  }

  #anyKey(): string {
    return KEYS[Math.floor(this.#random() * KEYS.length)] as string;
  }

  #later(meanMs: number, run: () => void): void {
    if (!this.#isOver) this.#process.after(2 * meanMs * this.#random(), run);
  }

  #call(client: string): void {
    if (this.#isOver) return;
    const kind = this.#random() < 0.5 ? 'put' : 'get';
    const key = this.#anyKey();
    const repeats = this.#random() < 0.3;
    const isLong = kind === 'put' && this.#random() < LONG_SHARE;
    this.ask({ client, kind, key, repeats, isLong }, this.#anyRouter(), (answer) =>
      this.#later(answer.kind === 'done' ? THINK_MS : BACK_OFF_MS, () => this.#call(client)),
    );
  }

  /** Whatever comes of it. */
  #callSlowly(): void {
    if (this.#isOver) return;
    const what = { client: 'slow client', kind: 'get', key: KEYS[0] as string, repeats: true } as const;
    this.ask({ ...what, lastsMs: SLOW_MS }, this.#anyRouter(), () => {});
    this.#later(SLOW_EVERY_MS / 2, () => this.#callSlowly());
  }

  #watch(client: string, key: string): void {
    if (this.#isOver) return;
    this.ask({ client, kind: 'watch', key, repeats: true }, this.#anyRouter(), () =>
      this.#later(BACK_OFF_MS, () => this.#watch(client, key)),
    );
  }

  #anyRouter(): SimulatedRouter | null {
    const there = [...this.#world.routers.values()];
    return there[Math.floor(this.#random() * there.length)] ?? null;
  }

  /** @param router null, or one that takes nothing: nobody answers, and nothing was asked */
  ask(
    what: Pick<Operation, 'client' | 'kind' | 'key' | 'repeats'> & Partial<Pick<Operation, 'isLong' | 'lastsMs'>>,
    router: SimulatedRouter | null,
    onAnswer: (answer: Answer) => void,
  ): void {
    const { judge, network, scheduler } = this.#world;
    if (router === null || router.isLeaving || router.process.isOver) {
      onAnswer({ kind: 'failed', reason: 'no router is there' });
      return;
    }
    this.#operations++;
    const operation: Operation = { isLong: false, lastsMs: 0, ...what, id: this.#operations, value: this.#operations };
    const least = judge.leastRevisionOf(operation.key);
    const sinceMs = scheduler.nowMs;
    this.#open++;
    let isOver = false;
    const over = (answer: Answer): void => {
      if (isOver) return;
      isOver = true;
      this.#open--;
      const isWatch = operation.kind === 'watch';
      if (answer.kind === 'done') judge.onDone(operation, answer.revision, least);
      else if (!isWatch) judge.onFailed(operation, answer.reason, sinceMs);
      scheduler.note(`${operation.client} ${operation.id} ${answer.kind}`);
      onAnswer(answer);
    };
    const lost = (): void => over({ kind: 'failed', reason: 'the router is lost' });
    const deliver = (): void => {
      // It may have begun to leave meanwhile: then it is asked elsewhere.
      if (router.isLeaving) {
        this.#open--;
        isOver = true;
        network.send(router.process, this.#process, () => onAnswer({ kind: 'failed', reason: 'the router goes away' }));
        return;
      }
      router.receive(operation, (answer) => network.send(router.process, this.#process, () => over(answer)));
    };
    network.send(this.#process, router.process, deliver, lost);
    this.#lostWith(router, lost);
  }

  /** Clients that are connected to a router notice when it ends. */
  #lostWith(router: SimulatedRouter, lost: () => void): void {
    const known = this.#connected.get(router) ?? [];
    known.push(lost);
    this.#connected.set(router, known);
    if (known.length > 200) known.splice(0, 100);
  }

  readonly #connected = new Map<SimulatedRouter, Array<() => void>>();

  routerKilled(router: SimulatedRouter): void {
    for (const lost of this.#connected.get(router) ?? []) this.#process.after(this.#world.network.delayMs(), lost);
    this.#connected.delete(router);
  }
}
