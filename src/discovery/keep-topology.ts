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
  readonly consistency?: 'strict' | 'eventual' | undefined;
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

/** Another change may be under way for minutes, or what was found may be refused for as long; another look costs a few reads. */
const LOOK_AGAIN_MS = 1000;

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

/** What was found, and why it is not taken. */
interface Refused {
  readonly found: readonly FoundShard[];
  readonly fault: string;
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
  const ended = new AbortController();
  const finds = source(AbortSignal.any([signal, ended.signal]), (message) => log.onFault(message))[
    Symbol.asyncIterator
  ]();
  let next: ReturnType<typeof finds.next> | null = null;
  let refused = null as Refused | null;
  try {
    while (!signal.aborted) {
      next ??= finds.next();
      const result: Awaited<typeof next> | null =
        refused === null ? await next : await within(next, (until) => registry.pause(LOOK_AGAIN_MS, until));
      if (result?.done === true) return;
      if (result !== null) next = null;
      // A source tells of a change once: what was refused may be taken once people have changed something.
      const found: readonly FoundShard[] = result?.value ?? refused?.found ?? [];
      if (found.length === 0) log.onFault('no shard was found; the topology stays as it is');
      if (found.length === 0 || !term.isLeading) continue;
      const fault: string | null = await bring(registry, name, found, fresh, who, log, signal);
      if (fault !== null && fault !== refused?.fault) log.onFault(fault);
      refused = fault === null ? null : { found, fault };
    }
  } finally {
    ended.abort();
  }
}

/** @returns what was found, or null after a pause, which ends with it */
async function within<T>(next: Promise<T>, pause: (until: AbortSignal) => Promise<void>): Promise<T | null> {
  const ended = new AbortController();
  try {
    return await Promise.race([next, pause(ended.signal).then(() => null)]);
  } finally {
    ended.abort();
  }
}

/** @returns why the shards that were found were refused; null where they are there, or the signal ends it */
async function bring(
  registry: Registry,
  name: TopologyName,
  found: readonly FoundShard[],
  fresh: NewCluster,
  { candidate, clock, takesOver }: Discoverer,
  log: DiscoveryLog,
  signal: AbortSignal,
): Promise<string | null> {
  while (!signal.aborted) {
    try {
      const { current, own, draft, byHand } = await discovered(registry, name, found, fresh);
      if (draft === null) return null;
      // Its keys are on their way, or people have stopped them: what they decide comes first.
      if (current?.moving !== undefined) {
        await registry.pause(LOOK_AGAIN_MS, signal);
        continue;
      }
      if (byHand.length > 0 && !takesOver)
        return `${byHand.join(', ')}: added by hand, and not found by the source; use --take-over to replace them`;
      // Another process has noted something meanwhile: look again.
      if (!(await noteOwn(registry, name, current, found, own, takesOver))) continue;
      const expected = current?.version ?? null;
      const change = { expected, reason: 'shards were discovered', candidate, clock };
      log.onCommitted(await changeTopology(registry, draft, change));
      return null;
    } catch (error) {
      if (error instanceof DocumentError || error instanceof StoreRefused) return error.message;
      // The topology was changed in between, or another change is under way: that change stays.
      if (!(error instanceof VersionConflict || error instanceof HandoffAborted)) throw error;
      await registry.pause(LOOK_AGAIN_MS, signal);
    }
  }
  return null;
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
