/** Keys set to a shard by hand, whatever the placement says: one key, or all that begin with a text. */
export type Pin =
  | { readonly key: string; readonly shard: string }
  | { readonly prefix: string; readonly shard: string };

/** What a pin is on, for people. */
export function pinName(pin: Pin): string {
  return 'key' in pin ? `key ${pin.key}` : `prefix ${pin.prefix}`;
}

/** A pin with the place of its shard in the cluster's list. Plain data. */
export type ResolvedPin =
  | { readonly key: string; readonly owner: number }
  | { readonly prefix: string; readonly owner: number };

/** A cluster's pins, ready to be looked up: a key's own counts before prefixes, of these the longest. */
export class PinTable {
  readonly #keys = new Map<string, number>();
  /** Of the pinned keys: one of another length needs no text made of it to be looked up. */
  readonly #lengths = new Set<number>();
  readonly #prefixes: ReadonlyArray<{ readonly bytes: Uint8Array; readonly owner: number }>;

  constructor(pins: readonly ResolvedPin[]) {
    const prefixes = [];
    for (const pin of pins) {
      if ('key' in pin) {
        const bytes = Buffer.from(pin.key, 'utf8');
        this.#keys.set(bytes.toString('latin1'), pin.owner);
        this.#lengths.add(bytes.length);
      } else prefixes.push({ bytes: Buffer.from(pin.prefix, 'utf8'), owner: pin.owner });
    }
    this.#prefixes = prefixes.sort((a, b) => b.bytes.length - a.bytes.length);
  }

  /** The place of the shard that key[start, end) is set to; -1 where it is not. */
  find(key: Uint8Array, start: number, end: number): number {
    if (this.#lengths.has(end - start)) {
      const text = Buffer.from(key.buffer, key.byteOffset + start, end - start).toString('latin1');
      const owner = this.#keys.get(text);
      if (owner !== undefined) return owner;
    }
    for (const { bytes, owner } of this.#prefixes) if (beginsWith(key, start, end, bytes)) return owner;
    return -1;
  }
}

function beginsWith(key: Uint8Array, start: number, end: number, prefix: Uint8Array): boolean {
  if (end - start < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (key[start + i] !== prefix[i]) return false;
  return true;
}
