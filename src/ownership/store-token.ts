import { losingShards, type Topology } from '../topology/index.ts';

/** Between the tokens of two versions: a process's place among those of its shard, the registry's revision at which it came, fits in between. */
const TOKENS_OF_A_VERSION = 2 ** 32;

/**
 * What the writes of a shard show to its store, so that the store can refuse those of an earlier owner. Of two processes that own a
 * key one after the other, of one shard or of two, the later one's is larger. It grows only when the shard gains keys, or registers
 * again: what is under way while a change takes keys from it, or does not concern it, is not refused for it.
 */
export class StoreToken {
  readonly #shard: string;
  #topology: Topology | null = null;
  #gainedAt = 0;

  constructor(shard: string) {
    this.#shard = shard;
  }

  /** The shard serves another version. Call it for each, before anything is served by it. */
  onVersion(topology: Topology): void {
    const before = this.#topology;
    this.#topology = topology;
    // What loses keys on the way back has gained them.
    if (before === null || losingShards(topology, before).includes(this.#shard)) this.#gainedAt = topology.version;
  }

  /** @param registeredAt see `RegisteredOwnership.registeredAt` @returns 0 where nothing is served */
  valueAt(registeredAt: number): number {
    return this.#gainedAt === 0 ? 0 : this.#gainedAt * TOKENS_OF_A_VERSION + registeredAt;
  }
}
