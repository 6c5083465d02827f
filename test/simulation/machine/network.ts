import type { SimulatedProcess } from './process.ts';
import type { Scheduler } from './scheduler.ts';

/** What becomes of what is sent between two machines. */
export interface LinkFault {
  /**
   * `silent`: nothing arrives, and nobody learns of it; `reset`: the sender learns of it at once; `lossy`: a call or its answer
   * is lost at random, and the sender learns of it; `slow`: a message takes up to `slowMs`; `twice`: a call that may be repeated
   * arrives once more, up to `slowMs` later.
   */
  readonly kind: 'silent' | 'reset' | 'lossy' | 'slow' | 'twice';
  readonly slowMs: number;
  /** Only what is sent to this end is slow; both ways are where it is not given. */
  readonly slowTo?: string;
}

/** What one message comes to. */
export type Fate =
  | { readonly kind: 'arrives'; readonly afterMs: number }
  /** The sender hears of it after some time, or never. */
  | { readonly kind: 'lost'; readonly toldAfterMs: number | null };

/** How long most messages take, and some. */
const QUICK_MS = 1;
const SLOW_MS = 12;
const SLOW_SHARE = 0.03;
const LOSS = 0.3;

/** The network between all machines: each message has a delay of its own, so that later ones may be faster. */
export class Network {
  readonly #scheduler: Scheduler;
  readonly #random: () => number;
  readonly #faults = new Map<string, LinkFault>();

  constructor(scheduler: Scheduler, random: () => number) {
    this.#scheduler = scheduler;
    this.#random = random;
  }

  static link(one: string, other: string): string {
    return one < other ? `${one}|${other}` : `${other}|${one}`;
  }

  break(link: string, fault: LinkFault): void {
    this.#faults.set(link, fault);
  }

  repair(link: string): void {
    this.#faults.delete(link);
  }

  faultOf(one: string, other: string): LinkFault | undefined {
    return this.#faults.size === 0 ? undefined : this.#faults.get(Network.link(one, other));
  }

  delayMs(): number {
    const most = this.#random() < SLOW_SHARE ? SLOW_MS : QUICK_MS;
    return 0.05 + this.#random() * most;
  }

  /** Decides what becomes of a message that is sent now. */
  fate(from: string, to: string): Fate {
    const fault = this.faultOf(from, to);
    const delayMs = this.delayMs();
    switch (fault?.kind) {
      case undefined:
      case 'twice':
        return { kind: 'arrives', afterMs: delayMs };
      case 'silent':
        return { kind: 'lost', toldAfterMs: null };
      case 'reset':
        return { kind: 'lost', toldAfterMs: delayMs };
      case 'lossy':
        return this.#random() < LOSS ? { kind: 'lost', toldAfterMs: delayMs } : { kind: 'arrives', afterMs: delayMs };
      case 'slow':
        return { kind: 'arrives', afterMs: delayMs + (isSlowTo(fault, to) ? this.#random() * fault.slowMs : 0) };
    }
  }

  /** Sends a message. @param onLost called if it is lost and the sender can notice that, also if the receiver has ended */
  send(from: SimulatedProcess, to: SimulatedProcess, deliver: () => void, onLost: () => void = () => {}): void {
    const fate = this.fate(from.name, to.name);
    if (fate.kind === 'arrives') to.after(fate.afterMs, deliver, () => from.after(this.delayMs(), onLost));
    else if (fate.toldAfterMs !== null) from.after(fate.toldAfterMs, onLost);
  }

  /** Sends a call that whatever is between the two machines may repeat. */
  sendCall(from: SimulatedProcess, to: SimulatedProcess, deliver: () => void, onLost: () => void): void {
    this.send(from, to, deliver, onLost);
    const fault = this.faultOf(from.name, to.name);
    if (fault?.kind === 'twice') to.after(this.delayMs() + this.#random() * fault.slowMs, deliver);
  }

  get nowMs(): number {
    return this.#scheduler.nowMs;
  }
}

function isSlowTo({ slowTo }: LinkFault, to: string): boolean {
  return slowTo === undefined || slowTo === to;
}
