import { Cluster } from './cluster.ts';

const WORD = 2 ** 32;

/** The share of all keys that each shard owns, by its id; while keys move in waves, of those that have moved and of those that have not. */
export function sharesOf(cluster: Cluster): ReadonlyMap<string, number> {
  const { moving, name } = cluster;
  if (moving === null) return sharesOfPiece(cluster);
  const shares = new Map<string, number>();
  let from = moving.cursor;
  const add = (piece: ReadonlyMap<string, number>, width: number): void => {
    for (const [id, share] of piece) shares.set(id, (shares.get(id) ?? 0) + share * width);
  };
  add(sharesOfPiece(cluster), moving.cursor);
  for (const piece of moving.rest) {
    add(sharesOfPiece(new Cluster({ name, ...piece })), piece.until - from);
    from = piece.until;
  }
  return shares;
}

function sharesOfPiece(cluster: Cluster): ReadonlyMap<string, number> {
  const { his, los, owners, size } = cluster.partition();
  const shares = new Map(cluster.shards.map(({ id }) => [id, 0]));
  // Words apart, because a point of 64 bits is no exact number; a difference of two neighbours nearly is.
  let [hi, lo] = [0, -1];
  for (let i = 0; i < los.length; i++) {
    const points = ((his[i] as number) - hi) * WORD + ((los[i] as number) - lo);
    const owner = cluster.shards[owners[i] as number];
    if (owner !== undefined) shares.set(owner.id, (shares.get(owner.id) as number) + points / size);
    hi = his[i] as number;
    lo = los[i] as number;
  }
  return shares;
}
