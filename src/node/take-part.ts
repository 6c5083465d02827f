import { RegisteredOwnership, StoreToken, type Verdict } from '../ownership/index.ts';
import type { MemberProcess } from '../registry/index.ts';
import { derivedNodeId, type Topology } from '../topology/index.ts';
import {
  checkNode,
  DEFAULT_LEASE_MS,
  type NodeOptions,
  type NodeSurroundings,
  openNodeRegistry,
} from './register-node.ts';

/** A shard that takes part in handoffs by itself. */
export interface ShardOptions extends Omit<NodeOptions, 'role' | 'health' | 'onHealth' | 'process'> {
  /**
   * Called when keys leave, when everything is lost with the lease, and when the shard leaves: everything that `serves` says no to. The shard should end their
   * watches, drop them from memory, and resolve once nothing is under way for them: before that no other shard gets them, the shard does not serve again, and
   * `leave` does not report that it has ended. Requests for them are refused already.
   */
  readonly onKeysLeave: (serves: (key: string) => boolean) => undefined | Promise<void>;
}

/** What is hidden from callers in Node programs. */
export interface ShardSurroundings extends NodeSurroundings {
  readonly timeOfDay: () => string;
  /** This process: while it has not ended, the others wait for it. */
  readonly process: MemberProcess;
}

/** What a shard may do, at each moment. */
export interface TakingPart {
  /** Resolves once it is known what the shard owns. */
  readonly ready: Promise<void>;
  /** The topology's version that it serves by; 0: none. */
  readonly version: number;
  /** For its store: of two processes that own a key one after the other the later one's is larger. Read it when work begins, and not when it writes. 0: none. */
  readonly token: number;
  /** Whether it may still serve, by the clock: to be asked before the answer to a read goes out. */
  readonly holds: boolean;
  /**
   * Whether it may serve a key now. At once, where the router knows no later version.
   * @param askedBy the version that the router routes by: `x-keyway-version` of the request; null where there is none
   */
  admit(key: string, askedBy: number | null): Verdict | Promise<Verdict>;
  /** Whether that with which it serves is well: where it is not, the others may take the shard out. */
  isWell: boolean;
  /**
   * Serves nothing any more, and takes the node out of the registry once `onKeysLeave` has resolved for all keys. Rejects where that takes more than
   * 10 s: then the node's lease runs out.
   */
  leave(): Promise<void>;
}

/**
 * Registers a shard that takes part in handoffs by itself. See `ShardOptions`.
 * @throws TypeError where a name or an address is not valid
 */
export function takePart(options: ShardOptions, surroundings: ShardSurroundings): TakingPart {
  checkNode(options);
  const { namespace = 'default', cluster, shard, address, leaseMs = DEFAULT_LEASE_MS, onKeysLeave } = options;
  const registry = openNodeRegistry(options, surroundings);
  const nodeId = options.nodeId ?? derivedNodeId(cluster, shard);
  const token = new StoreToken(shard);
  const { process, clock } = surroundings;
  const identity = { name: { namespace, cluster }, shard, address, nodeId, leaseMs, process };
  const ownership: RegisteredOwnership = new RegisteredOwnership(registry, identity, clock, {
    onVersion: () => token.onVersion(ownership.topology as Topology),
    onLost: (serves) => onKeysLeave(serves),
  });
  const ready = ownership.start();
  return {
    ready,
    get version() {
      return ownership.version;
    },
    get token() {
      return token.valueAt(ownership.registeredAt);
    },
    get holds() {
      return ownership.holds;
    },
    admit: (key, askedBy) => ownership.admit(key, askedBy),
    set isWell(isWell: boolean) {
      ownership.isWell = isWell;
    },
    leave: async () => {
      try {
        await ownership.stop();
      } finally {
        await registry.close();
      }
    },
  };
}
