/** What of a foreign configuration is not the same in ours. */
export interface Difference {
  /** It has no place, or it means something else here. */
  readonly kind: 'left out' | 'changed';
  /** Such as `VirtualService yorkie: spec.http[0].corsPolicy`. */
  readonly field: string;
  readonly reason: string;
}

type Mapping = Readonly<Record<string, unknown>>;

const isMapping = (value: unknown): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const LAST_PORT = 65535;

export function isPort(number: number): boolean {
  return Number.isInteger(number) && number >= 1 && number <= LAST_PORT;
}

/**
 * A mapping of a foreign configuration that knows which of its fields were taken. `finish` reports every field that was
 * not taken, here and below, so that nothing is dropped silently.
 */
export class Fields {
  readonly #mapping: Mapping;
  readonly place: string;
  readonly #differences: Difference[];
  readonly #taken = new Set<string>();
  readonly #below: Fields[] = [];
  #reported = false;

  constructor(value: unknown, place: string, differences: Difference[]) {
    this.#mapping = isMapping(value) ? value : {};
    this.place = place;
    this.#differences = differences;
    if (value !== undefined && value !== null && !isMapping(value)) this.leaveOut('', 'is not a mapping');
  }

  /** Whether a field is there, and is not null, which means the same as its absence. */
  has(name: string): boolean {
    return this.#mapping[name] !== undefined && this.#mapping[name] !== null;
  }

  /** Whether a field of it, or below, was reported as having no place. */
  get hasLeftOut(): boolean {
    return this.#reported || this.#below.some((each) => each.hasLeftOut);
  }

  /** Takes a field whose value does not matter, or is looked at by the caller; null is as if it were absent. */
  take(name: string): unknown {
    this.#taken.add(name);
    return this.#mapping[name] ?? undefined;
  }

  /** A field's text or number; undefined where it is neither, and reported where it is something else. */
  text(name: string): string | undefined {
    const value = this.take(name);
    if (typeof value === 'string' || typeof value === 'number') return String(value);
    if (value !== undefined) this.leaveOut(name, 'is not a text');
    return undefined;
  }

  number(name: string): number | undefined {
    const value = this.take(name);
    if (value === undefined) return undefined;
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    if (typeof number === 'number' && Number.isFinite(number)) return number;
    this.leaveOut(name, 'is not a number');
    return undefined;
  }

  /** The number of a port. */
  port(name: string): number | undefined {
    const number = this.number(name);
    if (number === undefined || isPort(number)) return number;
    this.leaveOut(name, `${number} is not a port`);
    return undefined;
  }

  /** A field that is true or false; false where it is not given. */
  flag(name: string): boolean {
    const value = this.take(name);
    if (value !== undefined && typeof value !== 'boolean') this.leaveOut(name, 'is neither true nor false');
    return value === true;
  }

  mapping(name: string): Fields {
    return this.#child(this.take(name), this.at(name));
  }

  list(name: string): Fields[] {
    return this.#items(name).map((item, i) => this.#child(item, `${this.at(name)}[${i}]`));
  }

  texts(name: string): string[] {
    return this.#items(name).flatMap((item, i) => this.#textOf(item, `${name}[${i}]`));
  }

  /** A mapping of names to texts. */
  dictionary(name: string): Record<string, string> {
    const value = this.take(name);
    if (value !== undefined && !isMapping(value)) this.leaveOut(name, 'is not a mapping');
    const entries = Object.entries(isMapping(value) ? value : {});
    return Object.fromEntries(
      entries.flatMap(([key, text]) => this.#textOf(text, `${name}.${key}`).map((each) => [key, each])),
    );
  }

  names(): string[] {
    return Object.keys(this.#mapping);
  }

  /** Reports that a field was carried over, but not as it is there. */
  change(name: string, reason: string): void {
    this.#differences.push({ kind: 'changed', field: this.at(name), reason });
  }

  /** Reports that a field has no place, and why; '': that the mapping has none, of which no more is reported then. */
  leaveOut(name: string, reason: string): void {
    if (name === '') for (const each of this.names()) this.#taken.add(each);
    this.#taken.add(name);
    this.#reported = true;
    this.#differences.push({ kind: 'left out', field: this.at(name), reason });
  }

  /** Reports every field that was not taken. */
  finish(reason = 'Keyway has no such feature'): void {
    for (const each of this.#below.splice(0)) {
      each.finish();
      this.#reported ||= each.hasLeftOut;
    }
    for (const name of this.names()) if (!this.#taken.has(name) && this.has(name)) this.leaveOut(name, reason);
  }

  /** A field's place, for people. */
  at(name: string): string {
    // A place that ends in a blank is a file, and has a colon before that.
    return name === '' ? this.place.replace(/: $/, '') : `${this.place}${this.place.endsWith(' ') ? '' : '.'}${name}`;
  }

  #child(value: unknown, place: string): Fields {
    const child = new Fields(value, place, this.#differences);
    this.#below.push(child);
    return child;
  }

  #items(name: string): unknown[] {
    const value = this.take(name);
    if (value !== undefined && !Array.isArray(value)) this.leaveOut(name, 'is not a list');
    return Array.isArray(value) ? value : [];
  }

  #textOf(value: unknown, name: string): string[] {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return [String(value)];
    this.leaveOut(name, 'is not a text');
    return [];
  }
}
