/** Keys that are remembered, and the bytes of their names: a client may choose long ones. */
const MAX_KEYS = 100_000;
const MAX_BYTES = 16 * 1024 * 1024;

/** The keys that were asked for last, so that those of them that leave can be named. */
export class ServedKeys {
  /** latin1, a character for a byte; the key that was asked for first stands first. */
  readonly #keys = new Set<string>();
  #bytes = 0;

  note(key: Uint8Array, length: number): void {
    const text = Buffer.from(key.buffer, key.byteOffset, length).toString('latin1');
    if (this.#keys.has(text)) return;
    this.#keys.add(text);
    this.#bytes += text.length;
    for (const oldest of this.#keys) {
      if (this.#keys.size <= MAX_KEYS && this.#bytes <= MAX_BYTES) return;
      this.#forget(oldest);
    }
  }

  /** Those that are lost, which are remembered until they are forgotten. */
  lost(isLost: (key: Uint8Array) => boolean): string[] {
    return [...this.#keys].filter((key) => isLost(Buffer.from(key, 'latin1')));
  }

  forget(keys: readonly string[]): void {
    for (const key of keys) this.#forget(key);
  }

  #forget(key: string): void {
    if (this.#keys.delete(key)) this.#bytes -= key.length;
  }
}
