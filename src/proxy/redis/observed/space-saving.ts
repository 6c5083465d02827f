/** What is known of one of the names that come most often. */
export interface HeavyHitter {
  readonly name: string;
  /** Never less than it came. */
  readonly count: number;
  /** By how much that may be too many. */
  readonly error: number;
}

interface Counter {
  count: number;
  error: number;
}

/**
 * The names that come most often, of however many, in bounded memory: Space-Saving (Metwally, Agrawal, El Abbadi: "Efficient Computation of Frequent and
 * Top-k Elements in Data Streams", 2005). Of N names with m counters each that came more than N/m times is there, and no count is off by more than N/m.
 */
export class SpaceSaving {
  readonly #most: number;
  readonly #counters = new Map<string, Counter>();
  #total = 0;
  /** The smallest count when it was looked for last, and names that had it. Counts only grow: as long as one of them still has it, none has less. */
  #floor = 0;
  readonly #smallest: string[] = [];

  /** @param most counters that are kept */
  constructor(most: number) {
    this.#most = most;
  }

  /** How often names came in all. */
  get total(): number {
    return this.#total;
  }

  add(name: string, weight = 1): void {
    this.#total += weight;
    const known = this.#counters.get(name);
    if (known !== undefined) known.count += weight;
    else if (this.#counters.size < this.#most) this.#counters.set(name, { count: weight, error: 0 });
    else {
      const replaced = this.#takeSmallest();
      const { count } = this.#counters.get(replaced) as Counter;
      this.#counters.delete(replaced);
      this.#counters.set(name, { count: count + weight, error: count });
    }
  }

  /** A name whose count is the smallest. All that have it are looked for at once, so that most names cost no search. */
  #takeSmallest(): string {
    for (let name = this.#smallest.pop(); name !== undefined; name = this.#smallest.pop())
      if (this.#counters.get(name)?.count === this.#floor) return name;
    this.#floor = Number.POSITIVE_INFINITY;
    for (const { count } of this.#counters.values()) if (count < this.#floor) this.#floor = count;
    for (const [name, { count }] of this.#counters) if (count === this.#floor) this.#smallest.push(name);
    return this.#smallest.pop() as string;
  }

  /** No name that `top` leaves out came more often than this, whether it has a counter or not. */
  mostBeyond(most: number): number {
    const counts = Float64Array.from(this.#counters.values(), ({ count }) => count).sort();
    if (counts.length > most) return counts[counts.length - 1 - most] as number;
    return counts.length < this.#most ? 0 : (counts[0] ?? 0);
  }

  /** The most frequent first. */
  top(most: number): HeavyHitter[] {
    const all = [...this.#counters].map(([name, { count, error }]) => ({ name, count, error }));
    return all.sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1)).slice(0, most);
  }
}
