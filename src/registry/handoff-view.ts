import type { Topology, TopologyName } from '../topology/index.ts';
import { type AutonomousRouter, autonomousRouterOf } from './autonomous-routers.ts';
import {
  type HandoffState,
  type HandoffView,
  handoffOf,
  knownNodeOf,
  type StoredHandoff,
  type StoredNode,
  stagedKey,
  stateKey,
} from './handoff-entries.ts';
import type { Entry } from './store/store.ts';
import { readStaged } from './topology-entries.ts';
import type { UnreadableEntries } from './unreadable.ts';

/** What one of the entries says of a cluster's handoffs. */
export type Part =
  | { readonly kind: 'state'; readonly handoff: StoredHandoff | null }
  /** Checked once: of ten thousand shards that takes a while. Where it has fields that this release does not know, it is not understood in full. */
  | { readonly kind: 'staged'; readonly topology: Topology; readonly isUnderstood: boolean }
  | { readonly kind: 'node'; readonly node: StoredNode }
  | { readonly kind: 'autonomous'; readonly router: AutonomousRouter }
  /** Of a later release. */
  | { readonly kind: 'other' };

/** @throws UnreadableEntry */
export function partOf(name: TopologyName, entry: Entry): Part {
  if (entry.key === stateKey(name)) return { kind: 'state', handoff: handoffOf(entry) };
  if (entry.key === stagedKey(name)) {
    const { topology, ignored } = readStaged(name, entry);
    return { kind: 'staged', topology, isUnderstood: ignored.length === 0 };
  }
  const node = knownNodeOf(name, entry);
  if (node !== null) return { kind: 'node', node };
  const router = autonomousRouterOf(name, entry);
  return router === null ? { kind: 'other' } : { kind: 'autonomous', router };
}

/** What the readable ones say together. */
export function viewOf(name: TopologyName, parts: ReadonlyMap<string, Part>): HandoffView {
  const state = parts.get(stateKey(name));
  const staged = parts.get(stagedKey(name));
  const handoff = state?.kind === 'state' ? state.handoff : null;
  const topology = staged?.kind === 'staged' ? staged.topology : null;
  return {
    handoff,
    // Of an earlier handoff, where what this one leads to cannot be read: it is not acknowledged then.
    staged: topology?.version === handoff?.to ? topology : null,
    nodes: [...parts.values()].flatMap((part) => (part.kind === 'node' ? part.node : [])),
    autonomous: [...parts.values()].flatMap((part) => (part.kind === 'autonomous' ? part.router : [])),
  };
}

/** What the handoff under way leads to, where this release understands all of it; null: it does not, or none is under way. */
export function understoodOf(
  name: TopologyName,
  { handoff, staged }: HandoffView,
  parts: ReadonlyMap<string, Part>,
): { readonly topology: Topology; readonly attempt: number } | null {
  const part = parts.get(stagedKey(name));
  const isUnderstood = part?.kind === 'staged' && part.isUnderstood;
  return handoff === null || staged === null || !isUnderstood ? null : { topology: staged, attempt: handoff.attempt };
}

/** By one read. @throws UnreadableEntry where how far a handoff is cannot be read */
export function stateOf(name: TopologyName, entries: readonly Entry[], unreadable: UnreadableEntries): HandoffState {
  return {
    handoff: handoffOf(entries.find(({ key }) => key === stateKey(name))),
    nodes: unreadable.readable(entries, (entry) => knownNodeOf(name, entry)).flatMap((node) => node ?? []),
    autonomous: unreadable
      .readable(entries, (entry) => autonomousRouterOf(name, entry))
      .flatMap((router) => router ?? []),
  };
}
