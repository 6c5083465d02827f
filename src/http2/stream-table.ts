import type { Stream } from '../http/index.ts';

const INITIAL_SIZE = 8;
/** Larger tables are left to a map: that many open streams spread over ids so widely that few would share a ring anyway. */
const LARGEST_SIZE = 1024;

/**
 * A connection's open streams by id. Ids are handed out in order and most streams are short, so that the low bits of
 * (id >> 1) are a nearly perfect hash: a ring of that many places, and a map for those that find theirs taken.
 */
export class StreamTable {
  #ring: Array<Stream | null> = new Array(INITIAL_SIZE).fill(null);
  #mask = INITIAL_SIZE - 1;
  #overflow: Map<number, Stream> | null = null;
  count = 0;

  get(id: number): Stream | null {
    const stream = this.#ring[(id >> 1) & this.#mask] as Stream | null;
    if (stream !== null && stream.id === id) return stream;
    return this.#overflow === null ? null : (this.#overflow.get(id) ?? null);
  }

  add(stream: Stream): void {
    this.count++;
    while (this.#ring[(stream.id >> 1) & this.#mask] !== null) {
      if (this.#mask + 1 === LARGEST_SIZE || this.count <= this.#mask >> 1) {
        this.#overflow ??= new Map();
        this.#overflow.set(stream.id, stream);
        return;
      }
      this.#grow();
    }
    this.#ring[(stream.id >> 1) & this.#mask] = stream;
  }

  remove(stream: Stream): void {
    const place = (stream.id >> 1) & this.#mask;
    if (this.#ring[place] === stream) this.#ring[place] = null;
    else if (this.#overflow?.delete(stream.id) !== true) return;
    this.count--;
  }

  /** Calls `visit` for each open stream; it may remove the one that it is called with. */
  forEach(visit: (stream: Stream) => void): void {
    for (const stream of this.#ring.filter((each) => each !== null)) visit(stream);
    if (this.#overflow !== null) for (const stream of [...this.#overflow.values()]) visit(stream);
  }

  #grow(): void {
    const old = this.#ring;
    this.#ring = new Array(old.length * 2).fill(null);
    this.#mask = this.#ring.length - 1;
    // Two that shared no place before share none in a ring twice as large.
    for (const stream of old) if (stream !== null) this.#ring[(stream.id >> 1) & this.#mask] = stream;
  }
}
