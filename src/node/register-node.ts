import { type ActiveHealthDescription, HealthChecker } from '../proxy/health/index.ts';
import {
  type HeldLease,
  type MemberProcess,
  NodeRegistration,
  type NodeValue,
  type Registry,
  type RegistryDescription,
} from '../registry/index.ts';
import { openRegistry } from '../registry/store/index.ts';
import { splitAddress } from '../runtime/address.ts';
import { derivedNodeId, identifier, reachableAddress } from '../topology/index.ts';
import { checked } from '../yaml/index.ts';

/** A node for its cluster's routers to find. */
export interface NodeOptions {
  /** The registry: `host:port` of `keyway registry`, or as a router's config has it. */
  readonly registry: string | RegistryDescription;
  /** `default` where it is not given. */
  readonly namespace?: string | undefined;
  readonly cluster: string;
  /** The shard that the node belongs to. Which keys it owns depends on this id, and not on the address. */
  readonly shard: string;
  /** Where it listens, `host:port`. */
  readonly address: string;
  /** 40 letters and digits; made from the names of cluster and shard where it is not given. A replica needs its own. */
  readonly nodeId?: string | undefined;
  readonly role?: 'primary' | 'replica' | undefined;
  /** How long the node counts as alive without renewing its lease; 10 s by default. */
  readonly leaseMs?: number | undefined;
  /** How its health is checked; where it is not given, the node is healthy for as long as this process is there. */
  readonly health?: ActiveHealthDescription | undefined;
  /** The process that serves, where `keyway status` should show it. */
  readonly process?: MemberProcess | undefined;
  /** Called when its health changes, with the fault, or null. */
  readonly onHealth?: ((fault: string | null) => void) | undefined;
  /** Called when the registry cannot be reached, or refuses the node, with the reason, and with null once it can be reached again. */
  readonly onRegistry?: ((fault: string | null) => void) | undefined;
}

/** A node that has been registered. */
export interface RegisteredNode {
  /** Resolves once it is in the registry; with a health check: once that has succeeded. */
  readonly ready: Promise<void>;
  /** Whether the others can count on its presence, by this process's clock. */
  readonly isHeld: boolean;
  /** Takes the node out of the registry, and closes the connection to the registry. */
  leave(): Promise<void>;
}

/** Where nothing else is said. */
export const DEFAULT_LEASE_MS = 10_000;
/** A registry grants none that is longer. */
const LONGEST_LEASE_MS = 3_600_000;

/** What is hidden from callers in Node programs: clocks and randomness. */
export interface NodeSurroundings {
  readonly clock: () => number;
  readonly timeOfDayMs: () => number;
  readonly random: () => number;
}

/**
 * Registers a node and keeps it so: through outages of the registry, with its health as it is checked.
 * @throws TypeError where a name or an address is not valid
 */
export function registerNode(options: NodeOptions, surroundings: NodeSurroundings): RegisteredNode {
  checkNode(options);
  const { namespace = 'default', cluster, shard, address, role = 'primary', leaseMs = DEFAULT_LEASE_MS } = options;
  const nodeId = options.nodeId ?? derivedNodeId(cluster, shard);
  // A node commits no topology, which is what the time of day would stand beside.
  const registry = openNodeRegistry(options, { ...surroundings, timeOfDay: () => '' });
  const identity = { name: { namespace, cluster }, shard, nodeId, leaseMs };
  // It refuses nothing, and routers need their leases for it: so no handoff waits for it.
  const rights = { fencing: false, address, beyondLeaseMs: 0, ended: false, process: '' };
  const registration = new NodeRegistration(registry, identity, rights);
  const value = { address, role, healthy: true, ...(options.process !== undefined && { process: options.process }) };
  return new Node(registry, registration, value, options, surroundings.random);
}

/** @throws TypeError where a name or an address is not valid */
export function checkNode(options: Pick<NodeOptions, 'namespace' | 'cluster' | 'shard' | 'address' | 'leaseMs'>): void {
  const { namespace = 'default', cluster, shard, address, leaseMs = DEFAULT_LEASE_MS } = options;
  for (const [name, value] of Object.entries({ namespace, cluster, shard })) check(identifier, name, value);
  check(reachableAddress, 'address', address);
  if (!Number.isInteger(leaseMs) || leaseMs < 1 || leaseMs > LONGEST_LEASE_MS)
    throw new TypeError(`leaseMs ${leaseMs}: a whole number from 1 to ${LONGEST_LEASE_MS}`);
}

/** A node's connection to the registry, and what is heard of it. */
export function openNodeRegistry(
  { registry: where, onRegistry }: Pick<NodeOptions, 'registry' | 'onRegistry'>,
  surroundings: NodeSurroundings & { readonly timeOfDay: () => string },
): Registry {
  const description = typeof where === 'string' ? { remote: { address: where } } : where;
  const registry = openRegistry(description, surroundings);
  if (onRegistry !== undefined) {
    registry.onOutage(onRegistry);
    registry.onDenied(onRegistry);
  }
  return registry;
}

function check(schema: typeof identifier | typeof reachableAddress, name: string, value: string): void {
  const found = checked(schema, value);
  if ('fault' in found) throw new TypeError(`${name} "${value}": ${found.fault}`);
}

class Node implements RegisteredNode {
  readonly ready: Promise<void>;
  readonly #registry: Registry;
  readonly #registration: NodeRegistration;
  readonly #checker: HealthChecker | null;
  readonly #onHealth: (fault: string | null) => void;
  #value: NodeValue;
  #left = false;
  #onReady: () => void = () => {};

  constructor(
    registry: Registry,
    registration: NodeRegistration,
    value: NodeValue,
    { health, onHealth = () => {} }: NodeOptions,
    random: () => number,
  ) {
    this.#registry = registry;
    this.#registration = registration;
    this.#value = value;
    this.#onHealth = onHealth;
    this.ready = new Promise((resolve) => {
      this.#onReady = resolve;
    });
    const target = splitAddress(value.address);
    this.#checker =
      health === undefined
        ? null
        : new HealthChecker({ target, certificates: null }, 'auto', health, random, (fault) => this.#onVerdict(fault));
    if (health === undefined) this.#register();
  }

  #register(): void {
    const { rights } = this.#registration;
    this.#registration.begin(this.#value, (lease: HeldLease): void => {
      // A replica owns nothing. A node that was lost and comes back may have been given up meanwhile.
      if (this.#value.role === 'replica') this.#onReady();
      else rights.claim(lease.lost, ({ fencing }) => !fencing).then((done) => done && this.#onReady());
    });
  }

  #onVerdict(fault: string | null): void {
    if (this.#left) return;
    this.#onHealth(fault);
    this.#value = { ...this.#value, healthy: fault === null };
    if (this.#registration.hasBegun) void this.#registration.update(this.#value);
    else if (fault === null) this.#register();
  }

  get isHeld(): boolean {
    return this.#registration.isHeld;
  }

  async leave(): Promise<void> {
    if (this.#left) return;
    this.#left = true;
    this.#checker?.stop();
    await this.#registration.end({ ...this.#value, leaving: true });
    await this.#registry.close();
  }
}
