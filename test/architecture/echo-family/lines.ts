/** Cuts what comes into lines. */
export class Lines {
  #rest = '';
  readonly #onLine: (line: string) => void;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  receive(bytes: Uint8Array, start: number, end: number): void {
    const lines = (this.#rest + Buffer.from(bytes.subarray(start, end)).toString('latin1')).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#onLine(line);
  }
}
