/**
 * What the connections of a thread keep for peers that take less than comes for them: content that waits for windows,
 * and output that waits for sockets. Each may have as much as is free: one alone half of the limit, ten that are slow a
 * tenth each. So the limit holds for all together, and slow peers are hurt before those that need none of it.
 */
export class Backlog {
  /** Bytes, for all connections together. */
  limit: number;
  /** Bytes that wait now. */
  bytes = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Whether a connection of which so many bytes wait is within its share. */
  allows(bytes: number): boolean {
    return bytes <= this.limit - this.bytes;
  }
}
