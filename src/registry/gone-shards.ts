import { servingShards, type Topology } from '../topology/index.ts';
import { type Handoff, instanceText, type StoredHandoff, type StoredNode } from './handoff-entries.ts';
import type { Revision } from './store/store.ts';

/** Shards that are gone when a handoff is staged, and their processes. */
interface Gone {
  readonly lost: readonly string[];
  /** Those of them that were declared dead before: they are to be taken out, whatever becomes of this handoff. */
  readonly dead: Handoff['dead'];
  /** Those that are given up; */
  readonly processes: readonly StoredNode[];
  /** and of them those that must not have spoken meanwhile. */
  readonly silent: readonly StoredNode[];
}

/** @param lost shards that this handoff does not wait for. @param silent their processes; all that are known where it is not given */
export function goneFrom(
  current: Topology | null,
  last: StoredHandoff | null,
  nodes: readonly StoredNode[],
  lost: readonly string[],
  silent: readonly StoredNode[] | undefined,
): Gone {
  const dead = deadIn(current, last);
  const processes = silent ?? nodes.filter(({ shard }) => lost.includes(shard));
  const known = new Set(processes.map(instanceText));
  const declared = nodes.filter((node) => {
    const text = instanceText(node);
    return isDeclaredDead(node, dead) && last?.givenUp.includes(text) === true && !known.has(text);
  });
  return {
    lost: [...new Set([...lost, ...Object.keys(dead)])],
    dead: Object.keys(dead).length === 0 ? undefined : dead,
    processes: [...processes, ...declared],
    silent: [...(silent ?? []), ...declared],
  };
}

/** The shards that were declared dead, and are still there. */
function deadIn(current: Topology | null, last: StoredHandoff | null): NonNullable<Handoff['dead']> {
  const placed = new Set(current === null ? [] : servingShards(current).map(({ id }) => id));
  return Object.fromEntries(Object.entries(last?.dead ?? {}).filter(([shard]) => placed.has(shard)));
}

/** A process that has come, or has come back, since its shard was declared dead may serve. */
export function isDeclaredDead({ shard, revision }: StoredNode, dead: NonNullable<Handoff['dead']>): boolean {
  return Object.hasOwn(dead, shard) && revision <= (dead[shard] as Revision);
}
