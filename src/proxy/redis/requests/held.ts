import { Answer } from './answer.ts';
import type { RequestClient } from './routed-command.ts';

const NOTHING = new Uint8Array(0);

/** Stands before the answers to what its client asks from now on, until something has come that is no answer itself. */
export class Held extends Answer {
  readonly #client: RequestClient;

  constructor(client: RequestClient) {
    super();
    this.#client = client;
  }

  end(): void {
    if (!this.isDone) this.#client.onBytes(this, NOTHING, 0, 0, true);
  }
}
