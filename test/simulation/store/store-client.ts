import {
  type Change,
  type ChangeSet,
  type Condition,
  type Entry,
  type LeaseId,
  type Recalled,
  type Revision,
  type Store,
  StoreUnavailable,
  type WatchEnd,
  type Watcher,
} from '../../../src/registry/store/store.ts';
import type { SimulatedProcess } from '../machine/process.ts';
import type { StoreCall } from './simulated-store.ts';
import type { StoreServer } from './store-server.ts';

/** As long as the product's own client waits for an answer. */
const CALL_TIMEOUT_MS = 5000;
/** A server that has gone silently is noticed within this time. */
const KEEPALIVE_MS = 5000;

/** A process' client of the store: its calls and their answers travel, are late, or are lost. */
export class StoreClient implements Store {
  readonly #process: SimulatedProcess;
  readonly #server: () => StoreServer;
  readonly #closed = new AbortController();
  readonly #watches = new Set<ClientWatch>();

  constructor(process: SimulatedProcess, server: () => StoreServer) {
    this.#process = process;
    this.#server = server;
  }

  get(key: string): Promise<Entry | null> {
    return this.#ask({ ask: 'get', key });
  }

  list(prefix: string): Promise<{ readonly entries: readonly Entry[]; readonly revision: Revision }> {
    return this.#ask({ ask: 'list', prefix });
  }

  commit(conditions: readonly Condition[], changes: readonly Change[]): Promise<Revision | null> {
    return this.#ask({ ask: 'commit', conditions, changes });
  }

  recall(seen: Entry | null): Promise<Recalled> {
    return this.#ask({ ask: 'recall', seen });
  }

  grantLease(lengthMs: number): Promise<LeaseId> {
    return this.#ask({ ask: 'grantLease', lengthMs });
  }

  renewLease(lease: LeaseId): Promise<boolean> {
    return this.#ask({ ask: 'renewLease', lease });
  }

  revokeLease(lease: LeaseId): Promise<void> {
    return this.#ask({ ask: 'revokeLease', lease });
  }

  #ask<Result>(call: StoreCall): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      const fail = (reason: string): void => {
        timer.cancel();
        reject(new StoreUnavailable('of the simulation', reason));
      };
      const timer = this.#process.setTimeout(() => fail('no answer in time'), CALL_TIMEOUT_MS);
      if (this.#closed.signal.aborted) {
        fail('closed');
        return;
      }
      this.#server().ask(this.#process, call, {
        onAnswer: (answer) => {
          timer.cancel();
          resolve(answer as Result);
        },
        onLost: fail,
      });
    });
  }

  watch(prefix: string, after: Revision, watcher: Watcher): () => void {
    const watch = new ClientWatch(this.#process, watcher, (ended) => this.#watches.delete(ended));
    this.#watches.add(watch);
    watch.stop = this.#server().watch(this.#process, prefix, after, watch);
    return () => watch.close();
  }

  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  async close(): Promise<void> {
    this.#closed.abort();
    for (const watch of [...this.#watches]) watch.close();
  }
}

/** One watch, as its client has it. */
export class ClientWatch {
  readonly #process: SimulatedProcess;
  readonly #watcher: Watcher;
  readonly #onOver: (watch: ClientWatch) => void;
  #isOver = false;
  stop: () => void = () => {};

  constructor(process: SimulatedProcess, watcher: Watcher, onOver: (watch: ClientWatch) => void) {
    this.#process = process;
    this.#watcher = watcher;
    this.#onOver = onOver;
  }

  onBegun(): void {
    if (!this.#isOver) this.#watcher.onBegun();
  }

  onChanges(changes: ChangeSet): void {
    if (!this.#isOver) this.#watcher.onChanges(changes);
  }

  onEnded(reason: WatchEnd): void {
    if (this.#isOver) return;
    this.close();
    this.#watcher.onEnded(reason);
  }

  /** Nothing comes any more, and nobody says so: it is noticed after a while. */
  onSilence(): void {
    if (this.#isOver) return;
    const lost = (): void =>
      this.onEnded({ kind: 'lost', cause: new StoreUnavailable('of the simulation', 'nothing is heard of it') });
    this.#process.setTimeout(lost, KEEPALIVE_MS);
  }

  close(): void {
    this.#isOver = true;
    this.stop();
    this.#onOver(this);
  }
}
