import type { Event, Scheduler } from './scheduler.ts';

/** What distinguishes a machine's clock from the others. */
export interface MachineClock {
  /** Its milliseconds in one of the world's. */
  readonly rate: number;
  /** What it showed when the world began. */
  readonly offsetMs: number;
}

/** Where processes run. */
export interface Machine {
  readonly name: string;
  readonly clock: MachineClock;
  /** By their ids; those that are over are there until another one has the id. */
  readonly processes: Map<number, SimulatedProcess>;
}

/** A timer of a process, as Node's are. */
export class SimulatedTimer {
  event: Event | null = null;
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  hasRef(): boolean {
    return true;
  }
  cancel(): void {
    if (this.event !== null) this.event.isCancelled = true;
    this.event = null;
  }
  [Symbol.dispose](): void {
    this.cancel();
  }
}

/** A timer or a message, on its way to a process. */
interface Delivery {
  readonly isTimer: boolean;
  readonly run: () => void;
  /** What becomes of it where the process is over. */
  readonly ifOver?: (() => void) | undefined;
}

/** Process ids come again after so many. */
const PIDS = 3;

function freePid({ processes }: Machine, started: number): number {
  let pid = 1 + (started % PIDS);
  while (processes.get(pid)?.isOver === false) pid++;
  return pid;
}

/** A turn of the event loop begins up to this much later than it could. */
const MAX_LATE_MS = 0.5;

/** What runs now; null: nothing does, or what runs is no part of the world. */
let running: SimulatedProcess | null = null;

export function runningProcess(): SimulatedProcess | null {
  return running;
}

/** Runs all microtasks that are waiting: what a turn of the event loop does behind each of its events. */
const runMicrotasks = (process as unknown as { _tickCallback(): void })._tickCallback;

/**
 * A process of the world: its code runs whenever something happens to it, a timer or a message, each time to its end. Stopped,
 * it does nothing, while its machine's clock goes on; then all that has come happens at once.
 */
export class SimulatedProcess {
  /** Of its place in the network; the next process there has the same. */
  readonly name: string;
  readonly machine: Machine;
  readonly pid: number;
  /** How many processes began on its machine before it. */
  readonly started: number;
  readonly random: () => number;
  readonly #scheduler: Scheduler;
  readonly #clock: MachineClock;
  #isStopped = false;
  #isOver = false;
  /** What would have happened while it was stopped. */
  readonly #missed: Delivery[] = [];
  /** Called with what its code throws, which would end a real process. */
  readonly #onFault: (error: unknown) => void;

  constructor(
    scheduler: Scheduler,
    name: string,
    machine: Machine,
    started: number,
    random: () => number,
    onFault: (error: unknown) => void,
  ) {
    this.#scheduler = scheduler;
    this.name = name;
    this.machine = machine;
    this.started = started;
    this.pid = freePid(machine, started);
    machine.processes.set(this.pid, this);
    this.#clock = machine.clock;
    this.random = random;
    this.#onFault = onFault;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Bytes by chance. */
  bytes(size: number): Buffer {
    return Buffer.from(Array.from({ length: size }, () => Math.floor(this.random() * 256)));
  }

  /** Its machine's monotonic clock. */
  readonly clock = (): number => this.#clock.offsetMs + this.#scheduler.nowMs * this.#clock.rate;

  /**
   * Has something happen to it after a delay of simulated time: a message comes, or the process begins.
   * @param ifOver what happens instead where it is over by then
   */
  after(delayMs: number, run: () => void, ifOver?: () => void): void {
    this.#scheduler.at(this.#scheduler.nowMs + delayMs, () => this.#deliver({ isTimer: false, run, ifOver }));
  }

  /** What is sent this way arrives late, and in order. @param delayMs of the world's */
  inOrder<Message>(delayMs: () => number, deliver: (message: Message) => void): (message: Message) => void {
    let arrivesAtMs = 0;
    return (message) => {
      const { nowMs } = this.#scheduler;
      arrivesAtMs = Math.max(arrivesAtMs, nowMs + delayMs());
      this.#scheduler.at(arrivesAtMs, () => this.#deliver({ isTimer: false, run: () => deliver(message) }));
    };
  }

  setTimeout(run: () => void, ms: number): SimulatedTimer {
    const timer = new SimulatedTimer();
    this.#arm(timer, run, ms);
    return timer;
  }

  setInterval(run: () => void, ms: number): SimulatedTimer {
    const timer = new SimulatedTimer();
    const again = (): void => {
      const { event } = timer;
      run();
      // Not where it was cleared meanwhile.
      if (timer.event === event) this.#arm(timer, again, ms);
    };
    this.#arm(timer, again, ms);
    return timer;
  }

  setImmediate(run: () => void): SimulatedTimer {
    const timer = new SimulatedTimer();
    timer.event = this.#scheduler.at(this.#scheduler.nowMs, () => this.#deliver({ isTimer: false, run }));
    return timer;
  }

  #arm(timer: SimulatedTimer, run: () => void, ms: number): void {
    // Node takes anything less for 1.
    const waitMs = Math.max(1, Number.isFinite(ms) ? ms : 1) / this.#clock.rate + this.random() * MAX_LATE_MS;
    const event = this.#scheduler.at(this.#scheduler.nowMs + waitMs, () => {
      this.#deliver({
        isTimer: true,
        run: () => {
          if (!event.isCancelled) run();
        },
      });
    });
    timer.event = event;
  }

  #deliver(delivery: Delivery): void {
    if (this.#isOver) delivery.ifOver?.();
    else if (this.#isStopped) this.#missed.push(delivery);
    else this.enter(delivery.run);
  }

  /** Runs something as a part of this process, and all that follows from it at once. */
  enter(run: () => void): void {
    const before = running;
    running = this;
    try {
      run();
      runMicrotasks();
    } catch (error) {
      this.#onFault(error);
    } finally {
      running = before;
    }
  }

  /** SIGSTOP. */
  stop(): void {
    this.#isStopped = true;
  }

  /** SIGCONT. What has come while it was stopped comes in the order of an event loop: timers first, or what was to be read. */
  resume(): void {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    const timersFirst = this.random() < 0.5;
    const missed = this.#missed.splice(0);
    const first = missed.filter((each) => each.isTimer === timersFirst);
    const then = missed.filter((each) => each.isTimer !== timersFirst);
    for (const each of [...first, ...then]) this.#scheduler.at(this.#scheduler.nowMs, () => this.#deliver(each));
  }

  /** SIGKILL. */
  kill(): void {
    this.#isOver = true;
    for (const { ifOver } of this.#missed.splice(0)) ifOver?.();
  }
}
