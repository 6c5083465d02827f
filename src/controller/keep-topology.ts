import { isDeepStrictEqual } from 'node:util';
import { changeTopology, HandoffAborted } from '../handoff/index.ts';
import { type Registry, StoreRefused, type Term, VersionConflict } from '../registry/index.ts';
import {
  checkTopology,
  type Topology,
  type TopologyDraft,
  type TopologyName,
  targetOf,
  topologyDocument,
} from '../topology/index.ts';
import { DocumentError } from '../yaml/index.ts';
import type { FoundShard, ShardSource } from './found-shards.ts';
import { noteOwn, type OwnShards, ownShards, replacedByHand } from './own-shards.ts';

/** What a cluster is like that is not there yet. */
export interface NewCluster {
  readonly placement: Readonly<Record<string, object>>;
  readonly hashOn: string;
  readonly consistency?: 'eventual' | undefined;
}

/** What is reported to people. */
export interface DiscoveryLog {
  onCommitted(topology: Topology): void;
  onFault(message: string): void;
  onTerm(leads: boolean): void;
}

/** The process that keeps the topology. */
export interface Discoverer {
  /** The name that people see when this process leads. */
  readonly candidate: string;
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  /** Shards that were put there by hand may be replaced, too: from now on they are the source's. */
  readonly takesOver: boolean;
}

/** Of several that do the same, one does it: it is taken over this long after that one has died. */
const LEASE_MS = 10_000;

/** Another change may be under way for minutes, and another look costs a few reads. */
const BUSY_PAUSE_MS = 1000;

/**
 * Keeps a topology's shards as a source finds them. A shard keeps what the source does not know of it, such as its weight;
 * placement and pins stay. Of several processes that do this for a cluster, one is elected.
 */
export async function keepTopology(
  registry: Registry,
  name: TopologyName,
  source: ShardSource,
  fresh: NewCluster,
  who: Discoverer,
  log: DiscoveryLog,
  signal: AbortSignal,
): Promise<void> {
  const election = `discovery/${name.namespace}/${name.cluster}`;
  while (!signal.aborted) {
    const term = await registry.elections.campaign(election, who.candidate, LEASE_MS, signal);
    if (term === null) return;
    log.onTerm(true);
    await serve(registry, name, source, fresh, who, term, log, AbortSignal.any([signal, term.ended]));
    await term.resign();
    log.onTerm(false);
  }
}

async function serve(
  registry: Registry,
  name: TopologyName,
  source: ShardSource,
  fresh: NewCluster,
  who: Discoverer,
  term: Term,
  log: DiscoveryLog,
  signal: AbortSignal,
): Promise<void> {
  for await (const found of source(signal, (message) => log.onFault(message))) {
    if (found.length === 0) log.onFault('no shard was found; the topology stays as it is');
    else if (term.isLeading) await bring(registry, name, found, fresh, who, log, signal);
  }
}

async function bring(
  registry: Registry,
  name: TopologyName,
  found: readonly FoundShard[],
  fresh: NewCluster,
  { candidate, clock, takesOver }: Discoverer,
  log: DiscoveryLog,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const { current, own, draft, byHand } = await discovered(registry, name, found, fresh);
      if (draft === null) return;
      // Its keys are on their way, or people have stopped them: what they decide comes first.
      if (current?.moving !== undefined) {
        await registry.pause(BUSY_PAUSE_MS, signal);
        continue;
      }
      if (byHand.length > 0 && !takesOver) {
        log.onFault(
          `${byHand.join(', ')}: added by hand, and not found by the source; use --take-over to replace them`,
        );
        return;
      }
      // Another process has noted something meanwhile: look again.
      if (!(await noteOwn(registry, name, current, found, own, takesOver))) continue;
      const expected = current?.version ?? null;
      const change = { expected, reason: 'shards were discovered', candidate, clock };
      log.onCommitted(await changeTopology(registry, draft, change));
      return;
    } catch (error) {
      if (error instanceof DocumentError || error instanceof StoreRefused) {
        log.onFault(error.message);
        return;
      }
      // The topology was changed in between, or another change is under way: that change stays.
      if (!(error instanceof VersionConflict || error instanceof HandoffAborted)) throw error;
      await registry.pause(BUSY_PAUSE_MS, signal);
    }
  }
}

/** What a cluster is, and what it would become by what is found. */
export interface Discovered {
  readonly current: Topology | null;
  /** Null where nothing would change. */
  readonly draft: TopologyDraft | null;
  /** Shards that were put there by hand and that would be replaced. */
  readonly byHand: readonly string[];
  readonly own: OwnShards;
}

/** @throws DocumentError where what is found is no whole topology */
export async function discovered(
  registry: Registry,
  name: TopologyName,
  found: readonly FoundShard[],
  fresh: NewCluster,
): Promise<Discovered> {
  const current = await registry.topologies.read(name);
  const own = await ownShards(registry, name);
  const draft = draftOf(name, current, found, fresh);
  if (current !== null && isDeepStrictEqual({ ...targetOf(current), version: null }, draft))
    return { current, draft: null, byHand: [], own };
  return { current, draft, byHand: replacedByHand(current, draft, own), own };
}

/** @throws DocumentError where what is found is no whole topology */
function draftOf(
  { namespace, cluster }: TopologyName,
  current: Topology | null,
  found: readonly FoundShard[],
  fresh: NewCluster,
): TopologyDraft {
  const document = current === null ? fresh : topologyDocument({ ...targetOf(current), version: null });
  const known = new Map(
    ((document as { shards?: Array<{ id: string }> }).shards ?? []).map((shard) => [shard.id, shard]),
  );
  const shards = found.map((shard) => {
    const given = Object.fromEntries(Object.entries(shard).filter(([, value]) => value !== undefined));
    const { replicas: _replicas, ...before } = (known.get(shard.id) ?? {}) as { replicas?: unknown };
    return { ...before, ...given };
  });
  return checkTopology({ ...document, namespace, cluster, shards }, `what is found of ${namespace}/${cluster}`);
}
