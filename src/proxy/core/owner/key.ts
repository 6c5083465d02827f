/**
 * A key where it stands in what a client has sent. The receiver may use one object for equal keys, so that what is
 * found for it once need not be found again.
 */
export interface ReceivedKey {
  /** Bytes of the key. */
  readonly valueLength: number;
  /** Writes the key's bytes to the front of `into`, which has room for them; answers their number. */
  copyValue(into: Uint8Array): number;
  /** What was found for the key, valid while `memoScope` is the object that it was found in. */
  memo: unknown;
  memoScope: unknown;
}

/** A key as it was received, or as latin1 text, a character for a byte. */
export type Key = ReceivedKey | string;
