import { plainText } from '../runtime/foreign-errors.ts';
import { keyName, ServedKeys } from './served-keys.ts';

/** How long the backend may take to write down what it holds of keys that leave: other requests for the keys wait meanwhile. */
const WITHIN_MS = 1000;
/** What the backend says beside its status is not looked at: of more than this, the connection is cut. */
const MAX_ANSWER_BYTES = 64 * 1024;

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
  /** Those that the backend is told of at the moment, or soon. */
  readonly #told = new Set<string>();
  /** Few sidecars have a hook: its client is loaded for those. */
  readonly #client = import('undici');
  #notifying: Promise<void> = Promise.resolve();

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

  /** Whether the backend is being told, or is about to be told, that a key has left. */
  isTold(key: Uint8Array, length: number): boolean {
    return this.#told.size > 0 && this.#told.has(keyName(key, length));
  }

  /**
   * Resolves once the backend has heard of what is lost. No request for such a key may be in flight at the backend, nor go there as long as it
   * counts as told: what the backend drops, nothing brings back meanwhile.
   * @param lostBy see `FencedShard`
   */
  notify(lostBy: (key: Uint8Array) => number): Promise<void> {
    let version = 0;
    const keys = this.#served.takeLost((key) => {
      const by = lostBy(key);
      version = Math.max(version, by);
      return by !== 0;
    });
    for (const key of keys) this.#told.add(key);
    this.#notifying = this.#notifying.then(() => this.#notify(keys, version));
    return this.#notifying;
  }

  async #notify(keys: readonly string[], version: number): Promise<void> {
    if (keys.length === 0) return;
    const named = keys.map((key) => Buffer.from(key, 'latin1').toString('utf8'));
    try {
      const status = await this.#post(JSON.stringify({ ...this.#leaving, version, keys: named }));
      if (status < 200 || status > 299) this.#onFault(`POST ${this.#url} answers ${status}`);
    } catch (error) {
      this.#onFault(`POST ${this.#url}: ${plainText(error)}`);
    }
    for (const key of keys) this.#told.delete(key);
  }

  /** @returns the answer's status, once all of it has come. Redirects are not followed: what answers there is not this shard's backend */
  async #post(body: string): Promise<number> {
    const { request } = await this.#client;
    const signal = AbortSignal.timeout(WITHIN_MS);
    const headers = { 'content-type': 'application/json' };
    const answer = await request(this.#url, { method: 'POST', headers, body, signal });
    await answer.body.dump({ limit: MAX_ANSWER_BYTES, signal });
    return answer.statusCode;
  }
}
