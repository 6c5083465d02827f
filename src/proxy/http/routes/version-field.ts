import { type Field, field } from '../../../http/index.ts';
import type { Owners } from '../../core/gate/owners.ts';
import type { HttpOwners } from '../pools/http-pool.ts';

/** One object for the owners of one version, so that connections have it in their tables. */
const made = new WeakMap<Owners, Field | null>();

/** Tells a shard by which version it is asked, so that it can see which side is behind; null where there is none. */
export function versionFieldOf(owners: Owners): Field | null {
  let known = made.get(owners);
  if (known === undefined) {
    known = owners.version === null ? null : field('x-keyway-version', String(owners.version));
    made.set(owners, known);
  }
  return known;
}

/** What gives a shard behind a fence the token to show to its store; null for shards that stand for themselves. */
export function tokenFieldOf({ gate }: HttpOwners): (() => Field) | null {
  if (gate === null || gate.heedsShards) return null;
  let token = -1;
  let known: Field | null = null;
  return () => {
    if (known === null || gate.token !== token) {
      token = gate.token;
      known = field('x-keyway-token', String(token));
    }
    return known;
  };
}
