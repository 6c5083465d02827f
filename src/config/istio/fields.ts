/** What of a foreign configuration has no place in ours. */
export interface LeftOut {
  /** Such as `VirtualService yorkie: spec.http[0].corsPolicy`. */
  readonly field: string;
  readonly reason: string;
}

type Mapping = Readonly<Record<string, unknown>>;

/**
 * A mapping of a foreign configuration that knows which of its fields were taken. What nobody took is told of, so that
 * nothing is dropped silently.
 */
export class Fields {
  readonly #mapping: Mapping;
  readonly #place: string;
  readonly #leftOut: LeftOut[];
  readonly #taken = new Set<string>();

  constructor(value: unknown, place: string, leftOut: LeftOut[]) {
    const isMapping = typeof value === 'object' && value !== null && !Array.isArray(value);
    this.#mapping = isMapping ? (value as Mapping) : {};
    this.#place = place;
    this.#leftOut = leftOut;
    if (value !== undefined && !isMapping) this.leaveOut('', 'is not a mapping');
  }

  has(name: string): boolean {
    return this.#mapping[name] !== undefined;
  }

  take(name: string): unknown {
    this.#taken.add(name);
    return this.#mapping[name];
  }

  /** A field's text or number; undefined where it is neither, and told of where it is something else. */
  text(name: string): string | undefined {
    const value = this.take(name);
    if (typeof value === 'string' || typeof value === 'number') return String(value);
    if (value !== undefined) this.leaveOut(name, 'is no text');
    return undefined;
  }

  number(name: string): number | undefined {
    const value = this.take(name);
    if (value === undefined) return undefined;
    const number = Number(value);
    if (Number.isFinite(number)) return number;
    this.leaveOut(name, 'is no number');
    return undefined;
  }

  mapping(name: string): Fields {
    return new Fields(this.take(name), this.#at(name), this.#leftOut);
  }

  list(name: string): Fields[] {
    const value = this.take(name);
    if (value !== undefined && !Array.isArray(value)) this.leaveOut(name, 'is not a list');
    const items: unknown[] = Array.isArray(value) ? value : [];
    return items.map((item, i) => new Fields(item, `${this.#at(name)}[${i}]`, this.#leftOut));
  }

  texts(name: string): string[] {
    const value = this.take(name);
    return Array.isArray(value) ? value.map(String) : [];
  }

  /** A mapping of names to texts. */
  dictionary(name: string): Record<string, string> {
    const value = this.take(name);
    const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
    return Object.fromEntries(entries.map(([key, text]) => [key, String(text)]));
  }

  names(): string[] {
    return Object.keys(this.#mapping);
  }

  /** Tells that a field has no place, and why. */
  leaveOut(name: string, reason: string): void {
    this.#taken.add(name);
    this.#leftOut.push({ field: this.#at(name), reason });
  }

  /** Tells of all that nobody has taken. */
  finish(reason = 'Keyway has nothing like it'): void {
    for (const name of Object.keys(this.#mapping)) if (!this.#taken.has(name)) this.leaveOut(name, reason);
  }

  #at(name: string): string {
    return name === '' ? this.#place : `${this.#place}${this.#place.endsWith(' ') ? '' : '.'}${name}`;
  }
}
