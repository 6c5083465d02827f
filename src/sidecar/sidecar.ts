import { type ListenerDescription, namedListeners } from '../io/index.ts';
import { RegisteredOwnership, StoreToken } from '../ownership/index.ts';
import {
  type ActiveHealthDescription,
  type CountersSnapshot,
  type FencedShard,
  HealthChecker,
  Router,
  snapshotOf,
} from '../proxy/index.ts';
import type { MemberProcess, Registry } from '../registry/index.ts';
import { splitAddress } from '../runtime/address.ts';
import type { ClusterTable, PositionRange, TopologyName } from '../topology/index.ts';
import { KeysLeaveHook } from './keys-leave-hook.ts';
import { backendTable, type Carried, sidecarSettings } from './settings.ts';

/** The backend that a sidecar stands before. */
export interface BackendDescription {
  /** `host:port` */
  readonly address: string;
  readonly protocol: 'auto' | 'http1' | 'http2';
  /** How its health is checked; where it is not given, it is well for as long as the sidecar is there. */
  readonly health: ActiveHealthDescription | undefined;
  /** How long requests wait for it while it cannot be reached; 0: they fail at once. */
  readonly waitMs: number;
}

export interface SidecarOptions {
  readonly registry: Registry;
  readonly name: TopologyName;
  readonly shard: string;
  readonly nodeId: string;
  /** By which the topology has the shard. */
  readonly address: string;
  readonly leaseMs: number;
  /** The process that serves. */
  readonly process: MemberProcess;
  readonly listen: ListenerDescription;
  readonly backend: BackendDescription;
  /** Paths, with what is below them, of requests that have no key: they go to the backend whatever the shard owns. */
  readonly keyless: readonly string[];
  /** Paths of calls that stay open, `*` for anything. */
  readonly watch: readonly string[];
  /** Connections of clients that the process has room for. */
  readonly maxConnections: number;
  /** Called by POST with the keys that leave, before others may serve them: with all keys when the sidecar leaves, or its lease is over. */
  readonly onKeysLeave?: string | undefined;
  /** Called where that fails. */
  readonly onHookFault: (fault: string) => void;
  /** Called when the backend's health changes, with the fault, or null. */
  readonly onHealth: (fault: string | null) => void;
  /** Milliseconds of the machine's clock. */
  readonly clock: () => number;
  readonly random: () => number;
  readonly timeOfDay: () => string;
}

/**
 * Carries a backend's traffic, and takes part in handoffs in its place: it refuses what the shard does not own, or has lost; ends
 * what is under way for keys that leave before it says that they are given up; and cuts everything before its lease may be over.
 */
export class Sidecar {
  readonly #options: SidecarOptions;
  readonly #carried: Carried;
  readonly #ownership: RegisteredOwnership;
  readonly #token: StoreToken;
  readonly #checker: HealthChecker | null;
  readonly #backendIsWell: Promise<void>;
  readonly #hook: KeysLeaveHook | null;
  #router: Router | null = null;
  /** What was lost last: resolves once the backend has heard of it. */
  #givenUp: Promise<void> = Promise.resolve();
  #hasStarted = false;

  constructor(options: SidecarOptions) {
    const { registry, name, shard, nodeId, address, leaseMs, process, backend, clock, keyless, watch } = options;
    const { address: backendAddress, protocol, waitMs } = backend;
    this.#options = options;
    this.#carried = {
      cluster: name.cluster,
      shard,
      address: backendAddress,
      upstream: { protocol, waitForOwnerMs: waitMs },
      keyless,
      watch,
    };
    this.#token = new StoreToken(shard);
    const { onKeysLeave, onHookFault } = options;
    const leaving = { cluster: name.cluster, shard };
    this.#hook = onKeysLeave === undefined ? null : new KeysLeaveHook(onKeysLeave, leaving, onHookFault);
    const identity = { name, shard, address, nodeId, leaseMs, process };
    this.#ownership = new RegisteredOwnership(registry, identity, clock, {
      onVersion: () => this.#onVersion(),
      onLost: (_, positions) => this.#giveUpLost(positions),
      onStaged: (isStaged) => this.#router?.expect(this.#carried.cluster, isStaged),
    });
    let isWell = (): void => {};
    this.#backendIsWell = new Promise((resolve) => {
      isWell = resolve;
    });
    this.#checker = this.#check((fault) => {
      options.onHealth(fault);
      this.#ownership.isWell = fault === null;
      if (fault === null) isWell();
    });
    if (this.#checker === null) isWell();
  }

  #check(onVerdict: (fault: string | null) => void): HealthChecker | null {
    const { backend, random } = this.#options;
    if (backend.health === undefined) return null;
    const endpoint = { target: splitAddress(backend.address), certificates: null };
    return new HealthChecker(endpoint, backend.protocol, backend.health, random, onVerdict);
  }

  #onVersion(): void {
    const { topology } = this.#ownership;
    if (topology === null) return;
    this.#token.onVersion(topology);
    this.#router?.publish(this.#carried.cluster, backendTable(this.#carried, topology.version), null);
  }

  /** Keys are told as left only once nothing of them is in flight at the backend, by whatever has become of them meanwhile. */
  #giveUpLost(positions: PositionRange | undefined): Promise<void> {
    const ended = this.#router?.release(this.#carried.cluster, positions) ?? Promise.resolve();
    const givenUp: Promise<void> = ended.then(() => (this.#givenUp === givenUp ? this.#tellLost() : this.#givenUp));
    this.#givenUp = givenUp;
    return givenUp;
  }

  async #tellLost(): Promise<void> {
    if (this.#hook === null) return;
    const ownership = this.#ownership;
    // Once it may not serve, others may have all keys.
    const isCut = this.#router?.isCut(this.#carried.cluster) ?? true;
    await this.#hook.notify((key) => {
      const version = ownership.lostBy(key, 0, key.length);
      return version === 0 && isCut ? ownership.version : version;
    });
  }

  /** Takes connections, and refuses their requests until it has registered. @returns the port */
  async listen(): Promise<number> {
    const { listen, maxConnections, clock, random, timeOfDay } = this.#options;
    const settings = sidecarSettings(this.#carried, this.#fencedShard(), maxConnections);
    this.#router = await Router.start({ ...settings, clock, random, timeOfDay, connections: null });
    const [port] = await this.#router.listen(namedListeners([listen]), false);
    return port as number;
  }

  #fencedShard(): FencedShard {
    const { shard, address } = this.#options;
    const ownership = this.#ownership;
    const token = this.#token;
    const hook = this.#hook;
    return {
      label: `${shard} (${address})`,
      get version() {
        return ownership.version;
      },
      get token() {
        return token.valueAt(ownership.registeredAt);
      },
      servesUntil: ownership.servesUntil,
      lostBy: (key, start, end) => ownership.lostBy(key, start, end),
      onServed: hook === null ? null : (key, length) => hook.onServed(key, length),
      isTold: (key, length) => hook?.isTold(key, length) ?? false,
    };
  }

  /** Registers once the backend is well. Resolves once it serves. */
  async start(): Promise<void> {
    await this.#backendIsWell;
    this.#hasStarted = true;
    await this.#ownership.start();
  }

  /** Whether the backend works on a call whose key leaves the shard by another table. @param positions of the keys that may */
  async worksOnLeaving(next: ClusterTable, positions: PositionRange | undefined): Promise<boolean> {
    const keeps = (key: Uint8Array, length: number): boolean => this.#ownership.owns(next, key, 0, length);
    return (await this.#router?.worksOnLeaving(this.#carried.cluster, keeps, positions)) ?? false;
  }

  /** What it has counted so far. */
  counters(): readonly CountersSnapshot[] {
    return this.#router === null ? [] : [snapshotOf(this.#router.counters)];
  }

  /** Ends in order: what is under way gets the grace, the rest is cut; then nothing is served any more, and others may have the keys. */
  async stop(graceMs: number): Promise<void> {
    this.#checker?.stop();
    await this.#router?.shutdown(graceMs);
    try {
      if (this.#hasStarted) await this.#ownership.stop();
    } finally {
      await this.#options.registry.close();
    }
  }
}
