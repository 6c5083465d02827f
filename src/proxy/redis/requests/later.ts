import { Answer } from './answer.ts';
import type { RequestClient } from './routed-command.ts';

const NOTHING = new Uint8Array(0);

/** Does something once all that its client has asked before is answered, such as the rest of what would be too much at once. */
export class Later extends Answer {
  readonly #client: RequestClient;
  readonly #go: () => void;

  constructor(client: RequestClient, go: () => void) {
    super();
    this.#client = client;
    this.#go = go;
  }

  override onFirst(): void {
    // What is begun now stands behind this one, which ends then.
    this.#go();
    this.#client.onBytes(this, NOTHING, 0, 0, true);
  }
}
