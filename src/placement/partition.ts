/**
 * A placement's whole table: the space of its hashes cut into arcs, each with its owner. Two placements whose spaces have the
 * same name hash a key to the same point, so that they can be compared arc by arc.
 */
export interface Partition {
  /** The hash and the size of its space, such as `xxHash64` or `maglev/65537`. */
  readonly space: string;
  /** Points in the space; exact up to 2^53, and a power of two beyond. */
  readonly size: number;
  /** The last point of each arc, in order, as two unsigned words. The last arc ends with the space. */
  readonly his: Uint32Array;
  readonly los: Uint32Array;
  /** The index of each arc's owner in the list of members; -1 where it has none. */
  readonly owners: Int32Array;
}

/** The partition of a circle: points in order, each the last of its arc; what lies behind the last belongs to the first. */
export function circle(
  space: string,
  last: { readonly hi: number; readonly lo: number },
  points: { readonly his: Uint32Array | null; readonly los: Uint32Array; readonly owners: ArrayLike<number> },
): Partition {
  const count = points.los.length;
  const his = new Uint32Array(count + 1);
  const los = new Uint32Array(count + 1);
  const owners = new Int32Array(count + 1);
  if (points.his !== null) his.set(points.his);
  los.set(points.los);
  for (let i = 0; i < count; i++) owners[i] = points.owners[i] as number;
  his[count] = last.hi;
  los[count] = last.lo;
  owners[count] = count === 0 ? -1 : (points.owners[0] as number);
  return { space, size: last.hi * 2 ** 32 + last.lo + 1, his, los, owners };
}

/** The partition of a table, each of whose slots is an arc of one point. */
export function table(space: string, slots: Int32Array): Partition {
  const los = Uint32Array.from(slots, (_, slot) => slot);
  return { space, size: slots.length, his: new Uint32Array(slots.length), los, owners: slots };
}
