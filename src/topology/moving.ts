import { isDeepStrictEqual } from 'node:util';
import type { ClusterDescription, Piece, Shard } from './cluster-description.ts';
import { dividedSlots } from './slot-ranges.ts';

/** A cluster, piece by piece of the order in which keys move: what has moved comes first. */
export function piecesOf({ moving, ...target }: ClusterDescription): readonly Piece[] {
  const { placement, hashOn, shards, pins } = target;
  const own = { placement, hashOn, shards, ...(pins === undefined ? {} : { pins }) };
  return moving === undefined ? [{ until: 1, ...own }] : [{ until: moving.cursor, ...own }, ...moving.rest];
}

/** What a cluster becomes once all of its keys have moved. */
export function targetOf<Description extends ClusterDescription>({
  moving: _moving,
  ...target
}: Description): Omit<Description, 'moving'> {
  return target;
}

/**
 * The shards that own keys: while keys move, those that will own none any more too, behind the others. One that moves to another address is
 * there twice.
 */
export function servingShards(description: ClusterDescription): readonly Shard[] {
  if (description.moving === undefined) return description.shards;
  const shards = new Map<string, Shard>();
  for (const piece of piecesOf(description))
    for (const shard of piece.shards) {
      const place = placeText(shard);
      if (!shards.has(place)) shards.set(place, shard);
    }
  return [...shards.values()];
}

/** Tells a shard at one address from the same shard at another. */
export function placeText({ id, address }: Pick<Shard, 'id' | 'address'>): string {
  return `${id} ${address}`;
}

/**
 * A cluster on its way from one description to another: keys whose position is below `cursor` are where `target` has them, and the others where
 * `base` has them, which may be on its way itself.
 * @param since the version that the whole change was staged as
 */
export function towards<Target extends Omit<ClusterDescription, 'moving'>>(
  base: ClusterDescription,
  target: Target,
  cursor: number,
  since: number,
): Target & Pick<ClusterDescription, 'moving'> {
  const [own] = piecesOf(targetOf(target)) as [Piece];
  const rest: Piece[] = [];
  let [from, reached] = [0, cursor];
  for (const piece of piecesOf(base)) {
    const isMoved = piece.until <= reached;
    // What is where it belongs already needs no wave.
    if (!isMoved && rest.length === 0 && from <= reached && isSamePiece(piece, own)) reached = piece.until;
    else if (!isMoved) {
      const last = rest.at(-1);
      if (last !== undefined && isSamePiece(last, piece)) rest[rest.length - 1] = piece;
      else rest.push(piece);
    }
    from = piece.until;
  }
  const through = targetOf(target) as Omit<ClusterDescription, 'moving'> as Target;
  return rest.length === 0 ? through : { ...through, moving: { since, cursor: reached, rest } };
}

/** Part of the order in which keys move. */
export interface PositionRange {
  readonly from: number;
  /** Not included. */
  readonly until: number;
}

/** The positions between the first and the last of which keys may have other owners after than before; empty where none has. */
export function changedPositions(before: ClusterDescription, after: ClusterDescription): PositionRange {
  let [from, until] = [1, 0];
  let reached = 0;
  const [olds, news] = [piecesOf(before), piecesOf(after)];
  for (let [old, now] = [0, 0]; old < olds.length && now < news.length; ) {
    const [one, other] = [olds[old] as Piece, news[now] as Piece];
    const end = Math.min(one.until, other.until);
    if (!isSamePiece(one, other)) [from, until] = [Math.min(from, reached), end];
    reached = end;
    if (one.until <= end) old++;
    if (other.until <= end) now++;
  }
  return { from: Math.min(from, until), until };
}

/**
 * The same cluster without some of its shards, piece by piece. A piece that would be left without any is as the target has it. Slots that were
 * theirs by name are divided among the others.
 */
export function withoutShards<Description extends ClusterDescription>(
  description: Description,
  isOut: (shard: Shard) => boolean,
): Description {
  const { moving } = description;
  const target = { ...description, ...remaining(description, isOut) };
  if (moving === undefined) return target;
  const rest = moving.rest.map((piece): Piece => {
    const left = { ...piece, ...remaining(piece, isOut) };
    const { placement, hashOn, shards, pins } = target;
    return left.shards.length > 0 ? left : { until: piece.until, placement, hashOn, shards, ...(pins && { pins }) };
  });
  return { ...target, moving: { ...moving, rest } };
}

function remaining(
  { shards, pins }: Pick<ClusterDescription, 'shards' | 'pins'>,
  isOut: (shard: Shard) => boolean,
): Pick<ClusterDescription, 'shards' | 'pins'> {
  const left = withSlotsOf(
    shards.filter(isOut),
    shards.filter((shard) => !isOut(shard)),
  );
  const leftPins = pins?.filter(({ shard }) => left.some(({ id }) => id === shard));
  return { shards: left, ...(leftPins === undefined ? {} : { pins: leftPins }) };
}

function withSlotsOf(gone: readonly Shard[], left: readonly Shard[]): readonly Shard[] {
  const slots = gone.flatMap((shard) => shard.slots ?? []);
  const owners = left.filter(({ weight }) => weight > 0);
  if (slots.length === 0 || owners.length === 0) return left;
  const parts = dividedSlots(slots, owners.length);
  return left.map((shard) => {
    const part = parts[owners.indexOf(shard)] ?? [];
    return part.length === 0 ? shard : { ...shard, slots: [...(shard.slots ?? []), ...part] };
  });
}

function isSamePiece({ until: _one, ...one }: Piece, { until: _other, ...other }: Piece): boolean {
  return isDeepStrictEqual(withPins(one), withPins(other));
}

/** Without pins, and with none, are the same. */
function withPins({ pins = [], ...piece }: Omit<Piece, 'until'>): object {
  return { ...piece, pins };
}
