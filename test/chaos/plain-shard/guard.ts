/** What a shard may do for one request, which counts as under way until `end`. */
export interface Work {
  /** The version that the shard serves by. */
  readonly version: number;
  /** Whether it still may, by the clock: asked before anything is done, and before an answer goes out. */
  mayGoOn(): boolean;
  /** Called where the key leaves while this is under way; at once where it has. */
  onLost(callback: () => void): void;
  end(): void;
}

/** Why a request is not carried out. */
export type NotServed = { readonly kind: 'stale'; readonly version: number } | { readonly kind: 'unknown' };

/** What stands between requests and documents. */
export interface Guard {
  /** @param askedBy the router's version, or 0 */
  begin(key: string, askedBy: number): Promise<Work | NotServed>;
}

/** Of a shard that trusts whoever asks. */
export const servesAll: Guard = {
  begin: (_key, askedBy) => Promise.resolve({ version: askedBy, mayGoOn: () => true, onLost: () => {}, end: () => {} }),
};
