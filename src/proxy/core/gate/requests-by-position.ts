import { type PositionRange, position } from '../../../topology/index.ts';
import type { Key } from '../owner/key.ts';
import { KeyBytes } from '../owner/key-bytes.ts';
import type { GatedRequest } from './gated-request.ts';

/** Parts that positions are divided into: the narrowest wave of a change is as wide as one of them (`LEAST_WIDTH` in `handoff/waves.ts`). */
const PARTS = 4096;
/** Most requests are over before anybody asks for them: they are placed once so many have come, and those that are over then never. */
const PLACED_AT_ONCE = 1024;
/** Parts that are looked through for requests that are over, each time that others are placed. */
const TIDIED_AT_ONCE = PARTS / 16;
/** Requests that are visited in one turn: about a millisecond's work. */
const VISITED_A_TURN = 500;

/**
 * The requests to a cluster that are under way, by the positions of their keys: a wave that moves the keys of a few positions need not look at all
 * requests to find its own. A key's position is the same by each version, so that requests stay where they are whatever owners they have.
 */
export class RequestsByPosition {
  readonly #parts: Array<Set<GatedRequest> | undefined> = new Array(PARTS);
  readonly #keyBytes = new KeyBytes();
  /** Not placed yet. */
  #recent: GatedRequest[] = [];
  /** Those without keys, and those whose owner was another one than that of their keys when they were found: they move wherever keys do. */
  readonly #strays = new Set<GatedRequest>();
  #tidied = 0;
  /** Resolves once those are here that were under way before this was. */
  complete: Promise<void> = Promise.resolve();

  /** How many are kept, those included that are over. */
  get size(): number {
    let size = this.#recent.length + this.#strays.size;
    for (const part of this.#parts) size += part?.size ?? 0;
    return size;
  }

  /** Notes a request that was under way before. @param isStray its owner is another one than that of its keys */
  note(request: GatedRequest, isStray: boolean): void {
    if (isStray) this.#strays.add(request);
    this.#place(request);
  }

  /** Notes a request that has just been let through. */
  add(request: GatedRequest): void {
    this.#recent.push(request);
    if (this.#recent.length >= PLACED_AT_ONCE) this.#placeRecent();
  }

  /** Visits, once all are known, those with keys of these positions that are under way, some at a time; one may be visited twice. */
  async visit(range: PositionRange | undefined, visit: (request: GatedRequest) => void): Promise<void> {
    await this.complete;
    this.#placeRecent();
    const { from, until } = range ?? { from: 0, until: 1 };
    let visited = 0;
    for (const part of [this.#strays, ...this.#parts.slice(Math.floor(from * PARTS), Math.ceil(until * PARTS))]) {
      if (part === undefined) continue;
      for (const request of part) {
        if (!isUnderWay(request)) part.delete(request);
        else visit(request);
        visited++;
        if (visited % VISITED_A_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  #placeRecent(): void {
    for (const request of this.#recent) if (isUnderWay(request)) this.#place(request);
    this.#recent = [];
    for (const request of this.#strays) if (!isUnderWay(request)) this.#strays.delete(request);
    for (let i = 0; i < TIDIED_AT_ONCE; i++) {
      this.#tidied = (this.#tidied + 1) % PARTS;
      const part = this.#parts[this.#tidied] ?? [];
      for (const request of part) if (!isUnderWay(request)) (part as Set<GatedRequest>).delete(request);
    }
  }

  #place(request: GatedRequest): void {
    let hasKeys = false;
    request.forEachKey((key) => {
      hasKeys = true;
      const part = Math.floor(this.#positionOf(key) * PARTS);
      this.#parts[part] ??= new Set();
      this.#parts[part].add(request);
    });
    if (!hasKeys) this.#strays.add(request);
  }

  #positionOf(key: Key): number {
    const { bytes, length } = this.#keyBytes.read(key);
    return position(bytes, 0, length);
  }
}

function isUnderWay({ isOpen, isSent }: GatedRequest): boolean {
  return isOpen || isSent;
}
