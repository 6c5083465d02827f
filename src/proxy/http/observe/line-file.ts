import { closeSync, openSync, write, writeSync } from 'node:fs';

const STDOUT = 1;
/** How much is collected before it is written; what is younger than the flush interval may be lost in a crash. */
const BUFFERED_CHARACTERS = 8192;
const FLUSH_MS = 1000;
/** Where the file or the reader of the pipe takes less than is written, lines beyond this are lost rather than kept. */
const MAX_UNWRITTEN_CHARACTERS = 16 * 1024 * 1024;
const NOTHING = Buffer.alloc(0);

/**
 * Lines that are appended to a file, or written to standard output. A disk that is full, or a reader that is slow or gone, costs lines, and
 * never the process: nothing here throws once it is open, nor waits.
 */
export class LineFile {
  readonly #fd: number;
  readonly #timer: NodeJS.Timeout;
  #collected = '';
  /** What is being written, or has to be written again. */
  #bytes: Buffer = NOTHING;
  #isWriting = false;
  #isClosed = false;
  readonly #released = Promise.withResolvers<void>();

  /** @param path `-` for standard output. @throws Error where the file cannot be opened */
  constructor(path: string) {
    this.#fd = path === '-' ? STDOUT : openSync(path, 'a');
    this.#timer = setInterval(() => this.#flush(), FLUSH_MS).unref();
  }

  /** @param line with its end */
  write(line: string): void {
    if (this.#isClosed) return;
    if (this.#collected.length > MAX_UNWRITTEN_CHARACTERS) return;
    this.#collected += line;
    // What could not be written is tried again with the timer.
    if (this.#collected.length >= BUFFERED_CHARACTERS && this.#bytes.length === 0) this.#flush();
  }

  #flush(): void {
    if (this.#isWriting) return;
    if (this.#bytes.length === 0) this.#bytes = this.#take();
    if (this.#bytes.length === 0) return;
    this.#isWriting = true;
    write(this.#fd, this.#bytes, (error, written) => {
      this.#isWriting = false;
      if (error === null) this.#bytes = this.#bytes.subarray(written);
      if (this.#isClosed) {
        this.#writeRest();
        return;
      }
      if (error === null && (this.#bytes.length > 0 || this.#collected.length >= BUFFERED_CHARACTERS)) this.#flush();
    });
  }

  #take(): Buffer {
    const bytes = Buffer.from(this.#collected);
    this.#collected = '';
    return bytes;
  }

  /**
   * Writes what was collected, as far as it is taken at once, and no more; behind what is being written, so that lines keep their order.
   * @returns when that is done, for a process that is about to end
   */
  close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      clearInterval(this.#timer);
      if (!this.#isWriting) this.#writeRest();
    }
    return this.#released.promise;
  }

  #writeRest(): void {
    this.#writeNow(this.#bytes);
    this.#writeNow(this.#take());
    if (this.#fd !== STDOUT) closeSync(this.#fd);
    this.#released.resolve();
  }

  #writeNow(bytes: Buffer): void {
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
    } catch {
      // The file takes nothing.
    }
  }
}
