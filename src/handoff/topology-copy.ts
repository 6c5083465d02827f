import type { StoredNode } from '../registry/index.ts';
import { plainText } from '../runtime/foreign-errors.ts';
import type { Topology, TopologyName } from '../topology/index.ts';

/** What a follower starts from while the registry cannot be reached. */
export interface KeptTopology {
  readonly topology: Topology;
  /** Its nodes as they were known: whether every shard refuses what it has lost. */
  readonly nodes: readonly StoredNode[];
  /** The process in whose name the registry has it that this may be served without a lease; null: it has it not. */
  readonly claimedBy: string | null;
}

/** Where it is kept. */
export interface TopologyKeeper {
  /** @throws Error where it cannot be */
  keep(kept: KeptTopology): void;
  read(name: TopologyName): KeptTopology | null;
}

/** What is kept on disk of what a process serves, and in whose name that may be served without a lease. */
export class TopologyCopy {
  readonly #keeper: TopologyKeeper | null;
  readonly #name: TopologyName;
  readonly #onFault: (message: string) => void;
  #keptAs = '';
  /** The router that has claimed what is served, and the number of that. */
  #claim: { readonly by: string; readonly number: number } | null = null;
  /** Whose claim what is kept bears, as far as that is known. */
  #claimOnDisk: string | null = null;
  /**
   * The router that had claimed what was kept when this process started; its number, where it has been served since.
   */
  #predecessor: { readonly by: string; readonly number: number | null } | null = null;

  /** @param onFault called with a sentence where it cannot be kept */
  constructor(keeper: TopologyKeeper | null, name: TopologyName, onFault: (message: string) => void) {
    this.#keeper = keeper;
    this.#name = name;
    this.#onFault = onFault;
  }

  /** Looks at what a process before this one has left. @returns that */
  open(): KeptTopology | null {
    const kept = this.read();
    const claimedBy = kept?.claimedBy ?? null;
    this.#claimOnDisk = claimedBy;
    if (claimedBy !== null) this.#predecessor = { by: claimedBy, number: null };
    return kept;
  }

  /** Whether the next process here can answer for what this one has claimed. */
  get isKept(): boolean {
    return this.#keeper !== null;
  }

  read(): KeptTopology | null {
    return this.#keeper?.read(this.#name) ?? null;
  }

  /** What was kept is served from now on, under a number. */
  onServed({ claimedBy }: KeptTopology, number: number): void {
    if (claimedBy !== null) this.#predecessor = { by: claimedBy, number };
  }

  /** Keeps what is served, once for each version and its nodes: the steps of a handoff change neither. */
  keep(topology: Topology, number: number, nodes: readonly StoredNode[]): void {
    if (this.#keeper === null) return;
    const claimedBy = this.#claim?.number === number ? this.#claim.by : null;
    const keptAs = [number, claimedBy, ...nodes.map(({ revision }) => revision)].join();
    if (keptAs === this.#keptAs) return;
    this.#keptAs = keptAs;
    try {
      this.#keeper.keep({ topology, nodes, claimedBy });
      this.#claimOnDisk = claimedBy;
    } catch (error) {
      this.#onFault(`the topology cannot be kept on disk: ${plainText(error)}`);
    }
  }

  /** In whose name what is served under a number is kept; null: in no router's. */
  claim(by: string | null, number: number | null): void {
    this.#claim = by === null || number === null ? null : { by, number };
  }

  /** In whose name a process would start from what is kept. */
  get claimOnDisk(): string | null {
    return this.#claimOnDisk;
  }

  /** In whose name a process served before this one, from the same disk, until that is dismissed. */
  get predecessor(): string | null {
    return this.#predecessor?.by ?? null;
  }

  /** Whether what is served under a number is what the predecessor had claimed. */
  isPredecessors(number: number | undefined): boolean {
    return this.#predecessor !== null && this.#predecessor.number === number;
  }

  dismissPredecessor(): void {
    this.#predecessor = null;
  }
}
