import type { Key } from './key.ts';

/** Reads keys, in whichever form they are, into memory of its own: one look-up after the other allocates nothing. */
export class KeyBytes {
  #bytes = new Uint8Array(256);
  /** How many of `bytes` the key that was read last has. */
  length = 0;

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** @returns this, with the key's bytes until the next one is read */
  read(key: Key): this {
    const isText = typeof key === 'string';
    const most = isText ? key.length : key.valueLength;
    if (most > this.#bytes.length) this.#bytes = new Uint8Array(most);
    if (!isText) this.length = key.copyValue(this.#bytes);
    else {
      for (let i = 0; i < key.length; i++) this.#bytes[i] = key.charCodeAt(i);
      this.length = key.length;
    }
    return this;
  }
}
