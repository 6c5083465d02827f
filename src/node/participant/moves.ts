import { Cluster, diff, type MovedPin, pinName, type Topology } from '../../topology/index.ts';
import type { Moves } from './calls.ts';

/** What takes longer to compare is left to questions. */
const MAX_ARCS = 100_000;
/** What is longer to read, as JSON, is left to questions: the calls of a backend stay short (docs/participant.md). */
const MAX_BYTES = 256 * 1024;

/** Which keys leave a shard, or come to it; null where ranges cannot say it, or not briefly. */
export function movesOf(before: Topology, after: Topology, shard: string): Moves | null {
  const addressIn = ({ shards }: Topology): string | undefined => shards.find(({ id }) => id === shard)?.address;
  // Between two addresses all keys move, though their shard stays the same.
  if (addressIn(after) !== undefined && addressIn(after) !== addressIn(before)) return null;
  const [had, will] = [new Cluster(before), new Cluster(after)];
  const { space, los } = had.partition();
  if (los.length + will.partition().los.length > MAX_ARCS) return null;
  const { ranges } = diff(had, will);
  const own = ranges?.filter(({ from, to }) => from === shard || to === shard);
  if (own === undefined) return null;
  const moves = {
    space,
    ranges: own.map(({ first, last, from, to }) => ({ first: String(first), last: String(last), from, to })),
    pins: pinsIn(had, will),
  };
  return Buffer.byteLength(JSON.stringify(moves)) > MAX_BYTES ? null : moves;
}

/** All of them, also those that stay as they are: a key that has one is not moved by its range. */
function pinsIn(before: Cluster, after: Cluster): MovedPin[] {
  const [had, will] = [before, after].map(({ pins }) => new Map(pins.map((pin) => [pinName(pin), pin.shard])));
  const shardIn = (pins: ReadonlyMap<string, string> | undefined, pin: string): string | null => pins?.get(pin) ?? null;
  const names = new Set([...(had?.keys() ?? []), ...(will?.keys() ?? [])]);
  return [...names].map((pin) => ({ pin, from: shardIn(had, pin), to: shardIn(will, pin) }));
}

/** Remembers what moves between the two versions that were asked about last: a hold may be repeated often, and both have large tables. */
export class LastMoves {
  readonly #shard: string;
  #last: { readonly before: Topology; readonly after: Topology; readonly moves: Moves | null } | null = null;

  constructor(shard: string) {
    this.#shard = shard;
  }

  /** See `movesOf`. */
  between(before: Topology, after: Topology): Moves | null {
    if (this.#last?.before !== before || this.#last.after !== after)
      this.#last = { before, after, moves: movesOf(before, after, this.#shard) };
    return this.#last.moves;
  }
}
