import type { TemplateValues } from '../calls/index.ts';
import type { KeySpace, LoadKey } from './keys.ts';

/** What templates say for the next request: one object for all, since a request is made from it at once. */
export class RequestValues implements TemplateValues {
  readonly keys: KeySpace;
  readonly #lines: readonly string[];
  #key: LoadKey | null = null;
  #nextLine = 0;
  seq = -1;
  line = '';
  revision = 0;
  place = 0;

  /** @param lines of the file of lines; empty: there is none */
  constructor(keys: KeySpace, lines: readonly string[]) {
    this.keys = keys;
    this.#lines = lines;
  }

  /** On to the next request, about the key at `place`. */
  next(place: number, revision: number): void {
    this.place = place;
    this.#key = this.keys.at(place);
    this.seq++;
    this.revision = revision;
    if (this.#lines.length > 0) this.line = this.#lines[this.#nextLine++ % this.#lines.length] as string;
  }

  get key(): string {
    return this.#key?.key ?? '';
  }

  get project(): string {
    return this.#key?.project ?? '';
  }

  get document(): string {
    return this.#key?.document ?? '';
  }
}
