/** Follows messages as their bytes come. */
export interface MessageTracker {
  readonly betweenMessages: boolean;
  /** @returns where the first boundary between two messages is behind which nothing has begun; -1 where there is none */
  follow(bytes: Uint8Array, start: number, end: number): number;
}

/** Follows messages each of which begins with a head that says how long its content is. */
export abstract class HeadedTracker implements MessageTracker {
  #headBytes = 0;
  #remaining = 0;

  /**
   * Takes the next byte of a head.
   * @param index which byte of the head it is
   * @returns how long the content is, where the head is whole; -1 where there is more of it to come
   */
  protected abstract onHeadByte(byte: number, index: number): number;

  get betweenMessages(): boolean {
    return this.#headBytes === 0 && this.#remaining === 0;
  }

  follow(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    let boundary = -1;
    while (at < end) {
      if (this.#remaining > 0) {
        const stop = Math.min(end, at + this.#remaining);
        this.#remaining -= stop - at;
        at = stop;
      } else {
        const length = this.onHeadByte(bytes[at++] as number, this.#headBytes++);
        if (length < 0) continue;
        this.#headBytes = 0;
        this.#remaining = length;
      }
      if (boundary < 0 && this.#remaining === 0) boundary = at;
    }
    return boundary;
  }
}
