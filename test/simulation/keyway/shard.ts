import type { Housekeeper, Task } from '../../../src/housekeeping/index.ts';
import { type OwnershipListener, RegisteredOwnership } from '../../../src/ownership/index.ts';
import { Registry, type Store } from '../../../src/registry/index.ts';
import { derivedNodeId, type TopologyVersion } from '../../../src/topology/index.ts';
import { isAbandoned } from '../judge/judge.ts';
import type { SimulatedProcess } from '../machine/process.ts';
import type { SharedDocuments } from './documents.ts';
import { housekeeper, type SharedMaintenance } from './housekeeping.ts';
import type { Sending, ShardAnswer } from './request.ts';
import { NAME, PLAIN_OPERATION_MS, SHARD_LEASE_MS } from './setting.ts';

/** A shard serves a key, from a moment on. */
export interface Serve {
  readonly shard: SimulatedShard;
  readonly sending: Sending;
  readonly key: string;
  /** By which the key is its own: the shard's where it knows it, else its router's. */
  readonly version: number;
}

/** What a shard reports to the judge. */
export interface ShardWorld {
  /** What its housekeeping works on; null: it has none. */
  readonly maintenance: SharedMaintenance | null;
  /** A shard that takes part in handoffs has written something by the version that it showed. */
  onWritten(serve: Serve): void;
  /** A shard that takes part in handoffs has decided to write, and does so in a while. */
  readonly onWriting: (shard: SimulatedShard) => void;
  onServe(serve: Serve): void;
  onServed(serve: Serve): void;
  /** What a shard wrote at the end of an operation was not what it had read at the beginning, but for its own write. */
  onOverwritten(serve: Serve): void;
  onFault(process: SimulatedProcess, error: unknown): void;
}

/** A process that serves keys. */
export interface SimulatedShard {
  readonly id: string;
  readonly address: string;
  readonly process: SimulatedProcess;
  readonly isFencing: boolean;
  /** Whether it would serve a key now, if it was asked; a shard that trusts its routers decides nothing. */
  wouldServe(key: string): boolean;
  /** A request comes from a router. */
  receive(sending: Sending, answer: (answer: ShardAnswer) => void): void;
  /** A router lets a request go. */
  forget(sending: Sending): void;
  /** SIGTERM. */
  leave(): Promise<void>;
}

/** A watch that is open, and how it is ended. */
interface OpenWatch {
  readonly serve: Serve;
  readonly answer: (answer: ShardAnswer) => void;
}

/** What faults that are planted replace. */
export interface ShardParts {
  readonly clock?: (() => number) | undefined;
  readonly task?: ((task: Task) => Task) | undefined;
}

/** Some writes take a while from the shard to the documents' store, in which the process may be stopped. */
const LATE_WRITES = 0.3;
const LATE_WRITE_MS = 4;

/** A shard that takes part in handoffs: the product's own ownership decides what it serves. */
export class FencingShard implements SimulatedShard {
  readonly isFencing = true;
  readonly id: string;
  readonly address: string;
  readonly process: SimulatedProcess;
  readonly ownership: RegisteredOwnership;
  readonly #registry: Registry;
  readonly #documents: SharedDocuments;
  readonly #world: ShardWorld;
  readonly #watches = new Map<Sending, OpenWatch>();
  readonly #housekeeper: Housekeeper | null;
  readonly #stopping = new AbortController();
  #housekeeping: Promise<void> = Promise.resolve();

  /** To be called by the process itself. */
  constructor(
    process: SimulatedProcess,
    { id, address }: Pick<SimulatedShard, 'id' | 'address'>,
    store: Store,
    documents: SharedDocuments,
    world: ShardWorld,
    { clock = process.clock, task = (given) => given }: ShardParts = {},
  ) {
    this.process = process;
    this.id = id;
    this.address = address;
    this.#documents = documents;
    this.#world = world;
    this.#registry = new Registry(store, { clock, timeOfDay: () => '', random: Math.random });
    const identity = {
      name: NAME,
      shard: id,
      address,
      nodeId: derivedNodeId(NAME.cluster, id),
      leaseMs: SHARD_LEASE_MS,
      process: { host: process.name, pid: process.pid },
    };
    const listener: OwnershipListener = {
      onVersion: () => {},
      onLost: (serves) => {
        this.#endWatches(serves);
      },
    };
    const newest = documents.newest as TopologyVersion;
    this.ownership = new RegisteredOwnership(this.#registry, identity, clock, listener, newest);
    this.ownership.start().catch((error: unknown) => world.onFault(process, error));
    const { maintenance } = world;
    this.#housekeeper = maintenance === null ? null : housekeeper(process, id, this.#registry, maintenance, task);
    this.#housekeeping = this.#housekeeper?.run(this.#stopping.signal) ?? Promise.resolve();
    this.#housekeeping.catch((error: unknown) => world.onFault(process, error));
  }

  wouldServe(key: string): boolean {
    const { process, ownership } = this;
    if (process.isStopped || process.isOver || !ownership.holds) return false;
    const bytes = Buffer.from(key);
    return ownership.lostBy(bytes, 0, bytes.length) === 0;
  }

  receive(sending: Sending, answer: (answer: ShardAnswer) => void): void {
    const { key } = sending.request.operation;
    const verdict = this.ownership.admit(key, sending.version);
    const onVerdict = (found: Awaited<typeof verdict>): void => {
      if (found.kind === 'owner') this.#execute(sending, answer);
      else answer(found);
    };
    if (verdict instanceof Promise) void verdict.then(onVerdict);
    else onVerdict(verdict);
  }

  /** In one turn, as the reference shard does. */
  #execute(sending: Sending, answer: (answer: ShardAnswer) => void): void {
    const { kind, key, value } = sending.request.operation;
    const { version } = this.ownership;
    const serve: Serve = { shard: this, sending, key, version };
    this.#world.onServe(serve);
    if (kind === 'watch') {
      this.#watches.set(sending, { serve, answer });
      answer({ kind: 'done', revision: this.#documents.read(key).revision });
      return;
    }
    this.#world.onServed(serve);
    if (kind === 'get') {
      const { revision } = this.#documents.read(key);
      answer(this.ownership.holds ? { kind: 'done', revision } : LEASE_LOST);
    } else if (Math.random() < LATE_WRITES) {
      setTimeout(() => this.#write(serve, value, answer), LATE_WRITE_MS * Math.random());
      this.#world.onWriting(this);
    } else this.#write(serve, value, answer);
  }

  #write(serve: Serve, value: number, answer: (answer: ShardAnswer) => void): void {
    const { key, version } = serve;
    const document = this.#documents.write(key, value, version);
    if (document === null) answer({ kind: 'stale', version: this.#documents.read(key).version });
    else {
      this.#world.onWritten(serve);
      answer({ kind: 'done', revision: document.revision });
    }
  }

  #endWatches(serves: (key: string) => boolean): void {
    for (const [sending, { serve, answer }] of this.#watches) {
      if (serves(serve.key)) continue;
      this.forget(sending);
      answer({ kind: 'stale', version: this.ownership.version });
    }
  }

  forget(sending: Sending): void {
    const watch = this.#watches.get(sending);
    this.#watches.delete(sending);
    if (watch !== undefined) this.#world.onServed(watch.serve);
  }

  async leave(): Promise<void> {
    this.#stopping.abort();
    await this.#housekeeping;
    await this.ownership.stop();
    await this.#registry.close();
  }
}

const LEASE_LOST = { kind: 'unknown', reason: 'it has lost its lease' } as const;

/** A shard that trusts its routers: it serves what it is asked for, takes its time, and ends what it has begun. */
export class PlainShard implements SimulatedShard {
  readonly isFencing = false;
  readonly id: string;
  readonly address: string;
  readonly process: SimulatedProcess;
  readonly #documents: SharedDocuments;
  readonly #world: ShardWorld;
  readonly #open = new Map<Sending, Serve>();
  /** Operations on one key come one after the other, except for slow ones. */
  readonly #last = new Map<string, Promise<void>>();

  constructor(
    process: SimulatedProcess,
    { id, address }: Pick<SimulatedShard, 'id' | 'address'>,
    documents: SharedDocuments,
    world: ShardWorld,
  ) {
    this.process = process;
    this.id = id;
    this.address = address;
    this.#documents = documents;
    this.#world = world;
  }

  wouldServe(): boolean {
    return false;
  }

  receive(sending: Sending, answer: (answer: ShardAnswer) => void): void {
    const { key, lastsMs } = sending.request.operation;
    const before = lastsMs > 0 ? undefined : this.#last.get(key);
    const done = (before ?? Promise.resolve()).then(() => this.#execute(sending, answer));
    if (lastsMs === 0) this.#last.set(key, done);
  }

  async #execute(sending: Sending, answer: (answer: ShardAnswer) => void): Promise<void> {
    // What its router has let go, or was cut, before it is begun, nobody carries out.
    if (sending.isClosed) return;
    const { kind, key, value, lastsMs } = sending.request.operation;
    const serve: Serve = { shard: this, sending, key, version: sending.version };
    this.#world.onServe(serve);
    const read = this.#documents.read(key);
    if (kind === 'watch') {
      this.#open.set(sending, serve);
      answer({ kind: 'done', revision: read.revision });
      return;
    }
    await new Promise<void>((resolve) => setTimeout(resolve, lastsMs + PLAIN_OPERATION_MS * Math.random()));
    if (isAbandoned(serve)) {
      // What nobody waits for changes nothing here: what comes of such is for a shard, or its store, to refuse.
    } else if (kind === 'put') {
      if (this.#documents.read(key).revision !== read.revision) this.#world.onOverwritten(serve);
      const { revision } = this.#documents.write(key, value, 0) ?? read;
      answer({ kind: 'done', revision });
    } else answer({ kind: 'done', revision: read.revision });
    this.#world.onServed(serve);
  }

  forget(sending: Sending): void {
    const serve = this.#open.get(sending);
    this.#open.delete(sending);
    if (serve !== undefined) this.#world.onServed(serve);
  }

  async leave(): Promise<void> {}
}
