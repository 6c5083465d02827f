/** Keys that are remembered, and the bytes of their names: a client may choose long ones. */
const MAX_KEYS = 100_000;
const MAX_BYTES = 16 * 1024 * 1024;

/** A key, the first bytes of these, as latin1: a character for a byte. */
export function keyName(key: Uint8Array, length: number): string {
  return Buffer.from(key.buffer, key.byteOffset, length).toString('latin1');
}

/** The keys that were asked for last, so that those of them that leave can be named. */
export class ServedKeys {
  /** Each as `keyName` has it; the key that was asked for first stands first. */
  readonly #keys = new Set<string>();
  #bytes = 0;

  note(key: Uint8Array, length: number): void {
    const name = keyName(key, length);
    if (this.#keys.has(name)) return;
    this.#keys.add(name);
    this.#bytes += name.length;
    for (const oldest of this.#keys) {
      if (this.#keys.size <= MAX_KEYS && this.#bytes <= MAX_BYTES) return;
      this.#forget(oldest);
    }
  }

  /** Those that are lost; they are remembered no more, unless they are asked for again. */
  takeLost(isLost: (key: Uint8Array) => boolean): string[] {
    const lost = [...this.#keys].filter((key) => isLost(Buffer.from(key, 'latin1')));
    for (const key of lost) this.#forget(key);
    return lost;
  }

  #forget(key: string): void {
    if (this.#keys.delete(key)) this.#bytes -= key.length;
  }
}
