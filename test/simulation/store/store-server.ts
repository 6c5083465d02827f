import type { Revision } from '../../../src/registry/store/store.ts';
import { StoreUnavailable } from '../../../src/registry/store/store.ts';
import type { Network } from '../machine/network.ts';
import type { SimulatedProcess } from '../machine/process.ts';
import type { Backup, SimulatedStore, StoreCall, StoreWatch } from './simulated-store.ts';
import type { ClientWatch } from './store-client.ts';

/** The client that made a call. */
export interface Caller {
  onAnswer(answer: unknown): void;
  onLost(reason: string): void;
}

/** How often leases that have ended are removed. */
const EXPIRE_EVERY_MS = 50;

interface ServedWatch {
  readonly client: SimulatedProcess;
  readonly watch: ClientWatch;
  /** What was sent last arrives then; what comes after it arrives after it. */
  arrivesAtMs: number;
  /** Its connection is broken: nothing arrives any more. */
  isBroken: boolean;
  stop: () => void;
}

/** The process that serves the store. What was durable outlives it. */
export class StoreServer {
  readonly process: SimulatedProcess;
  readonly #store: SimulatedStore;
  readonly #network: Network;
  readonly #watches = new Set<ServedWatch>();

  constructor(process: SimulatedProcess, store: SimulatedStore, network: Network) {
    this.process = process;
    this.#store = store;
    this.#network = network;
    process.after(0, () => process.setInterval(() => store.expireLeases(), EXPIRE_EVERY_MS));
  }

  ask(from: SimulatedProcess, call: StoreCall, caller: Caller): void {
    const lost = (): void => caller.onLost('the connection is lost');
    const answer = (): void => {
      let reply: () => void;
      try {
        const result = this.#store.execute(call);
        reply = () => caller.onAnswer(result);
      } catch (error) {
        reply = () => caller.onLost((error as Error).message);
      }
      this.#network.send(this.process, from, reply);
      // Whose answer is lost sees its connection end, unless all is silent.
      const fault = this.#network.faultOf(this.process.name, from.name);
      if (fault !== undefined && fault.kind !== 'silent' && fault.kind !== 'twice')
        from.after(this.#network.delayMs() + fault.slowMs, lost);
    };
    this.#network.sendCall(from, this.process, answer, lost);
  }

  /** @returns what has it end */
  watch(from: SimulatedProcess, prefix: string, after: Revision, watch: ClientWatch): () => void {
    const served: ServedWatch = { client: from, watch, arrivesAtMs: 0, isBroken: false, stop: () => {} };
    const lost = (): void => watch.onEnded(LOST);
    const begin = (): void => {
      this.#watches.add(served);
      this.#push(served, () => watch.onBegun());
      const stored: StoreWatch = {
        prefix,
        delivered: after,
        onChanges: (changes) => this.#push(served, () => watch.onChanges(changes)),
        onEnded: (reason) => this.#push(served, () => watch.onEnded(reason)),
      };
      const stop = this.#store.watch(stored);
      if (stop === null) this.#push(served, () => watch.onEnded({ kind: 'compacted' }));
      else served.stop = stop;
    };
    this.#network.send(from, this.process, begin, lost);
    const fault = this.#network.faultOf(from.name, this.process.name);
    if (fault?.kind === 'silent') watch.onSilence();
    return () => this.#end(served);
  }

  #end(served: ServedWatch): void {
    served.stop();
    this.#watches.delete(served);
  }

  /** In order: a watch is one stream of bytes. */
  #push(served: ServedWatch, what: () => void): void {
    if (served.isBroken) return;
    const { client, watch } = served;
    const fate = this.#network.fate(this.process.name, client.name);
    if (fate.kind === 'lost') {
      served.isBroken = true;
      this.#end(served);
      if (fate.toldAfterMs === null) client.after(0, () => watch.onSilence());
      else client.after(fate.toldAfterMs, () => watch.onEnded(LOST));
      return;
    }
    const { nowMs } = this.#network;
    served.arrivesAtMs = Math.max(served.arrivesAtMs, nowMs + fate.afterMs);
    client.after(served.arrivesAtMs - nowMs, what);
  }

  /** The process ends: what is open with it is lost. */
  kill(): void {
    this.process.kill();
    for (const served of [...this.#watches]) {
      this.#end(served);
      served.client.after(this.#network.delayMs(), () => served.watch.onEnded(LOST));
    }
  }

  /** A link's fault begins: watches on it break, or wait. */
  linkBroken(client: string, isSilent: boolean): void {
    for (const served of [...this.#watches]) {
      if (served.client.name !== client) continue;
      served.isBroken = true;
      this.#end(served);
      if (isSilent) served.client.after(0, () => served.watch.onSilence());
      else served.client.after(this.#network.delayMs(), () => served.watch.onEnded(LOST));
    }
  }

  restore(backup: Backup, isNoticed: boolean): void {
    this.#store.restore(backup, isNoticed);
  }
}

const LOST = {
  kind: 'lost',
  cause: new StoreUnavailable('of the simulation', 'the connection is lost'),
} as const;
