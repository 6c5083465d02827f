/** Whether a shard may serve a document to the caller. */
export type Verdict =
  | { readonly kind: 'owner' }
  /** Another shard has it, by this version: the router should look again. */
  | { readonly kind: 'stale'; readonly version: number }
  /** It is not known which shard has it now. */
  | { readonly kind: 'unknown'; readonly reason: string };

/** What a shard knows of which documents are its own. */
export interface Ownership {
  /** The version that it serves by, and shows to the store with every write; 0: none. */
  readonly version: number;
  /**
   * Whether it may serve a document now.
   * @param askedBy the version that the router routes by; null where no router asks
   */
  admit(key: string, askedBy: number | null): Verdict | Promise<Verdict>;
  /** Whether it still may, by the clock: asked before the answer to a read goes out. */
  readonly holds: boolean;
}

const OWNER: Verdict = { kind: 'owner' };

/** A shard that stands alone serves whatever it is asked for. */
export const ownerOfAll: Ownership = { version: 0, admit: () => OWNER, holds: true };
