import { createHash } from 'node:crypto';
import { decodeReply, encodeCommand, textOf } from '../../../resp/index.ts';

/** Bytes of scripts that are kept: the oldest are forgotten first, and clients then load them again as they would anyway. */
const MOST_BYTES = 16 * 2 ** 20;

/**
 * The scripts that clients have loaded by SCRIPT LOAD, which all shards were told. One that was started later, or was emptied, answers NOSCRIPT:
 * it is told the script then.
 */
export class ScriptCache {
  /** By their SHA-1, as EVALSHA names them. */
  readonly #scripts = new Map<string, Uint8Array>();
  #bytes = 0;

  add(script: Uint8Array): void {
    const hash = createHash('sha1').update(script).digest('hex');
    if (this.#scripts.has(hash) || script.length > MOST_BYTES) return;
    this.#scripts.set(hash, Uint8Array.prototype.slice.call(script));
    this.#bytes += script.length;
    for (const [oldest, { length }] of this.#scripts) {
      if (this.#bytes <= MOST_BYTES) break;
      this.#scripts.delete(oldest);
      this.#bytes -= length;
    }
  }

  /** All are forgotten (SCRIPT FLUSH). */
  clear(): void {
    this.#scripts.clear();
    this.#bytes = 0;
  }

  /** The command that loads the script that an EVALSHA names; null where it is not known, or the command is another. */
  loading(command: Uint8Array): Uint8Array | null {
    // A command has the form of a reply, too.
    const words = decodeReply(command, 0, command.length);
    const [name, hash] = words.type === 'array' ? words.items.map(textOf) : [];
    if (!/^evalsha(_ro)?$/i.test(name ?? '')) return null;
    const script = this.#scripts.get((hash ?? '').toLowerCase());
    return script === undefined ? null : encodeCommand(['SCRIPT', 'LOAD', script]);
  }
}
