import { z } from 'zod';
import type { Registry, Revision } from '../registry/index.ts';
import type { Topology, TopologyDraft, TopologyName } from '../topology/index.ts';
import type { FoundShard } from './found-shards.ts';

const schema = z.looseObject({ shards: z.array(z.string()) });

/** The shards of a cluster that discoveries have put there. Others were put there by hand: they are not a discovery's to replace. */
export interface OwnShards {
  readonly ids: ReadonlySet<string>;
  /** 0: nothing is noted yet. */
  readonly revision: Revision | 0;
}

const documentOf = ({ namespace, cluster }: TopologyName): string => `discovered/${namespace}/${cluster}`;

/** What is noted of a cluster. */
export async function ownShards({ documents }: Registry, name: TopologyName): Promise<OwnShards> {
  const document = await documents.get(documentOf(name));
  if (document === null) return { ids: new Set(), revision: 0 };
  return { ids: new Set(documents.read(document, schema)?.shards ?? []), revision: document.revision };
}

/** Those of the current shards that a draft takes away, or moves to another address, and that were put there by hand. */
export function replacedByHand(current: Topology | null, draft: TopologyDraft, own: OwnShards): string[] {
  const addresses = new Map(draft.shards.map(({ id, address }) => [id, address]));
  return (current?.shards ?? [])
    .filter(({ id, address }) => addresses.get(id) !== address && !own.ids.has(id))
    .map(({ id }) => id);
}

/**
 * Notes which shards are a discovery's, before they are committed: one that is found and already there keeps its owner.
 * @param takesOver all that are found are its own from now on
 * @returns false where another process has noted something meanwhile
 */
export async function noteOwn(
  { documents }: Registry,
  name: TopologyName,
  current: Topology | null,
  found: readonly FoundShard[],
  own: OwnShards,
  takesOver: boolean,
): Promise<boolean> {
  const there = new Set(current?.shards.map(({ id }) => id));
  const shards = found.map(({ id }) => id).filter((id) => takesOver || own.ids.has(id) || !there.has(id));
  return (await documents.put(documentOf(name), { shards }, own.revision)) !== null;
}
