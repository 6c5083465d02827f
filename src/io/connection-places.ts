/** Client connections of a whole process, which its threads count together. Plain data, for threads to share. */
export interface ProcessConnections {
  limit: number;
  /** One number in shared memory. */
  readonly open: Int32Array;
}

export function processConnections(limit: number): ProcessConnections {
  return { limit, open: new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) };
}

/**
 * The places for clients' connections. One is taken as soon as a connection is accepted, before anything is read from it, and
 * is free again when its socket is closed: a client that does not even begin a handshake is counted like any other.
 */
export class ConnectionPlaces {
  /** Connections of this thread. */
  limit: number;
  readonly #process: ProcessConnections | null;
  #taken = 0;

  /**
   * @param limit connections of this thread
   * @param process what all threads together may have; null: no more than each of them
   */
  constructor(limit: number, process: ProcessConnections | null) {
    this.limit = limit;
    this.#process = process;
  }

  /** As many are free as there are fewer taken than these limits: no connection that has a place loses it. */
  setLimits(limit: number, processLimit: number): void {
    this.limit = limit;
    if (this.#process !== null) this.#process.limit = processLimit;
  }

  /** @returns false where there is none */
  take(): boolean {
    const process = this.#process;
    if (this.#taken >= this.limit) return false;
    if (process !== null && Atomics.add(process.open, 0, 1) >= process.limit) {
      Atomics.sub(process.open, 0, 1);
      return false;
    }
    this.#taken++;
    return true;
  }

  give(): void {
    this.#taken--;
    if (this.#process !== null) Atomics.sub(this.#process.open, 0, 1);
  }
}
