import { createHash } from 'node:crypto';
import { decodeReply, encodeCommand, type Reply, textOf } from '../../../resp/index.ts';

/** Bytes of scripts that are kept: the oldest are forgotten first, and clients then load them again as they would anyway. */
const MAX_BYTES = 16 * 2 ** 20;
/** What a script takes besides its own bytes: its hash, and its places in memory. */
const ENTRY_BYTES = 256;

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
    if (this.#scripts.has(hash) || sizeOf(script) > MAX_BYTES) return;
    this.#scripts.set(hash, Uint8Array.prototype.slice.call(script));
    this.#bytes += sizeOf(script);
    for (const [oldest, kept] of this.#scripts) {
      if (this.#bytes <= MAX_BYTES) break;
      this.#scripts.delete(oldest);
      this.#bytes -= sizeOf(kept);
    }
  }

  /** All are forgotten (SCRIPT FLUSH). */
  clear(): void {
    this.#scripts.clear();
    this.#bytes = 0;
  }

  /** The command that loads the script that an EVALSHA names; null where it is not known, or the command is another, or several. */
  loading(command: Uint8Array): Uint8Array | null {
    // A command has the form of a reply, too.
    const words = decodedOrNull(command);
    if (words === null) return null;
    const [name, hash] = words.type === 'array' ? words.items.map(textOf) : [];
    if (!/^evalsha(_ro)?$/i.test(name ?? '')) return null;
    const script = this.#scripts.get((hash ?? '').toLowerCase());
    return script === undefined ? null : encodeCommand(['SCRIPT', 'LOAD', script]);
  }
}

/** The scripts of each cluster: what one cluster's clients load or flush is nothing to the others. */
export class ScriptCaches {
  readonly #caches = new Map<string, ScriptCache>();

  of(cluster: string): ScriptCache {
    const known = this.#caches.get(cluster);
    if (known !== undefined) return known;
    const made = new ScriptCache();
    this.#caches.set(cluster, made);
    return made;
  }
}

function sizeOf({ length }: Uint8Array): number {
  return length + ENTRY_BYTES;
}

/** One whole reply as a value; null where the bytes are not exactly that, as those of a whole transaction. */
function decodedOrNull(bytes: Uint8Array): Reply | null {
  try {
    return decodeReply(bytes, 0, bytes.length);
  } catch {
    return null;
  }
}
