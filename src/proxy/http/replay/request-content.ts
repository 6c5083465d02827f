import { type ContentAccount, HeldContent } from './held-content.ts';

/** A longer request to a key that is being handed over may fail, if its shard does not hear that the change goes back. */
const LONGEST_KEPT_BYTES = 1024 * 1024;

/**
 * Content of a request that waits to be sent, and what was sent and may have to be sent again. Made only for requests that
 * wait with content, are sent again, or whose keys move: what others need is in the `ReplayArena`.
 */
export class RequestContent {
  readonly #account: ContentAccount;
  /** It came before there was a stream to the owner. */
  #unsent: HeldContent | null = null;
  /** All that was sent; null where it is not kept, or was too long. */
  #sent: HeldContent | null = null;

  /** @param account what it keeps is counted in */
  constructor(account: ContentAccount) {
    this.#account = account;
  }

  /** Bytes that wait to be sent. */
  get unsentBytes(): number {
    return this.#unsent?.length ?? 0;
  }

  /** Has content wait to be sent. @returns false where that is more than may wait */
  hold(bytes: Uint8Array, start: number, end: number): boolean {
    this.#unsent ??= new HeldContent(this.#account);
    return this.#unsent.append(bytes, start, end);
  }

  /** In place of what waited: content that is at hand elsewhere. */
  replace(content: Uint8Array): void {
    this.#unsent?.clear();
    this.#unsent = null;
    this.hold(content, 0, content.length);
  }

  /** Hands on all that waits, piece by piece. */
  send(visit: (bytes: Uint8Array, start: number, end: number, isLast: boolean) => void): void {
    const unsent = this.#unsent;
    this.#unsent = null;
    unsent?.drain(visit);
  }

  /** What is sent is kept whole from now on. Nothing has been sent yet. */
  keepWhole(): void {
    this.#sent?.clear();
    this.#sent = new HeldContent(this.#account);
  }

  get keepsWhole(): boolean {
    return this.#sent !== null;
  }

  /** Keeps what is sent. @returns false where it has become too much: then none of it is kept */
  keep(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#sent === null) return false;
    if (this.#sent.append(bytes, start, end) && this.#sent.length <= LONGEST_KEPT_BYTES) return true;
    this.#sent.clear();
    this.#sent = null;
    return false;
  }

  /** What was sent, and kept whole, waits to be sent again. */
  takeBack(): void {
    const sent = this.#sent;
    this.#unsent = sent !== null && sent.length > 0 ? sent : null;
    this.#sent = new HeldContent(this.#account);
  }

  /** Forgets all of it. */
  clear(): void {
    this.#unsent?.clear();
    this.#unsent = null;
    this.#sent?.clear();
    this.#sent = null;
  }
}
