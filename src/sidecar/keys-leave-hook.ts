import { plainText } from '../runtime/foreign-errors.ts';
import { ServedKeys } from './served-keys.ts';

/** How long the backend may take to write down what it holds of keys that leave: other requests for the keys wait meanwhile. */
const WITHIN_MS = 1000;

/** Which shard of which cluster it is, as the backend is told. */
interface Leaving {
  readonly cluster: string;
  readonly shard: string;
}

/** Tells a backend which keys it has lost, so that it writes down and drops what it holds of them, before others may serve them. */
export class KeysLeaveHook {
  readonly #url: string;
  readonly #leaving: Leaving;
  readonly #onFault: (fault: string) => void;
  readonly #served = new ServedKeys();
  #telling: Promise<void> = Promise.resolve();

  /** @param onFault called where the backend does not answer 2xx in time; the keys leave all the same */
  constructor(url: string, leaving: Leaving, onFault: (fault: string) => void) {
    this.#url = url;
    this.#leaving = leaving;
    this.#onFault = onFault;
  }

  /** A request for a key goes to the backend. */
  onServed(key: Uint8Array, length: number): void {
    this.#served.note(key, length);
  }

  /** Resolves once the backend has heard of what is lost. @param lostBy see `FencedShard` */
  tell(lostBy: (key: Uint8Array) => number): Promise<void> {
    this.#telling = this.#telling.then(() => this.#tell(lostBy));
    return this.#telling;
  }

  async #tell(lostBy: (key: Uint8Array) => number): Promise<void> {
    let version = 0;
    const keys = this.#served.lost((key) => {
      const by = lostBy(key);
      version = Math.max(version, by);
      return by !== 0;
    });
    if (keys.length === 0) return;
    const named = keys.map((key) => Buffer.from(key, 'latin1').toString('utf8'));
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...this.#leaving, version, keys: named }),
        signal: AbortSignal.timeout(WITHIN_MS),
      });
      await response.arrayBuffer();
      if (!response.ok) this.#onFault(`POST ${this.#url} answers ${response.status}`);
    } catch (error) {
      this.#onFault(`POST ${this.#url}: ${plainText(error)}`);
    }
    this.#served.forget(keys);
  }
}
