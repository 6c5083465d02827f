import { fileIdentity } from '../sqlite/index.ts';

/** A data file that this process has open. Where it is deleted meanwhile the process goes on with it, and nobody would notice. */
export class DataFile {
  readonly #path: string;
  readonly #identity: string | null;

  /** To be called once it is open. */
  constructor(path: string) {
    this.#path = path;
    this.#identity = fileIdentity(path);
  }

  /** Says so where another file stands at its path by now, or none: to be called once it is closed. */
  tellWhereGone(tell: (fault: string) => void): void {
    if (fileIdentity(this.#path) !== this.#identity)
      tell(`${this.#path} was deleted, or replaced, while it was open: what was kept in it is lost`);
  }
}
