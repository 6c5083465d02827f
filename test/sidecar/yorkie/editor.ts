/** One who edits a document and watches it, in a browser as in Node. */

import type { CallOptions } from '@connectrpc/connect';

export interface WatchEvent {
  readonly number: number;
  readonly clientIds: readonly string[];
  readonly watched: string;
  readonly unwatched: string;
}

/** What of the service an editor calls. */
export interface DocumentMethods {
  pushPullChanges(request: object, options: CallOptions): Promise<object>;
  watchDocument(request: object, options: CallOptions): AsyncIterable<WatchEvent>;
}

export interface EditorSetup {
  readonly methods: DocumentMethods;
  /** What its changes begin with, and by which others know it. */
  readonly name: string;
  readonly document: string;
  /** Between two changes. */
  readonly pauseMs: number;
  /** Between the end of a watch and the next one: Yorkie's SDK waits for a second. */
  readonly comesBackAfterMs: number;
}

/** A change that was acknowledged. */
export interface Edit {
  readonly change: string;
  readonly madeMs: number;
  readonly acknowledgedMs: number;
}

/** A change of which it is not known what became of it. */
export interface Failure {
  readonly change: string;
  readonly reason: string;
}

/** When it saw by its watch that a document has so many changes. */
export interface Sighting {
  readonly number: number;
  readonly atMs: number;
}

/** Whom it sees beside itself from a moment on: nobody while it has no watch. */
export interface Company {
  readonly names: readonly string[];
  readonly atMs: number;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Changes come one after the other, each once the one before is acknowledged; times are those of the process. */
export class Editor {
  readonly name: string;
  readonly document: string;
  readonly edits: Edit[] = [];
  /** Changes that were not acknowledged, and why: they may have been carried out. */
  readonly failed: Failure[] = [];
  readonly sightings: Sighting[] = [];
  readonly company: Company[] = [];
  /** Others that a watch said had left. */
  readonly departures: string[] = [];
  /** How often its watch was opened. */
  watches = 0;
  /** Why watches ended, as clients are told. */
  readonly ends: string[] = [];
  readonly #methods: DocumentMethods;
  readonly #pauseMs: number;
  readonly #comesBackAfterMs: number;
  readonly #options: CallOptions;
  readonly #stopping = new AbortController();
  readonly #editing: Promise<void>;
  readonly #watching: Promise<void>;
  #isEditing = true;
  #seen = 0;

  constructor({ methods, name, document, pauseMs, comesBackAfterMs }: EditorSetup) {
    this.#methods = methods;
    this.name = name;
    this.document = document;
    this.#pauseMs = pauseMs;
    this.#comesBackAfterMs = comesBackAfterMs;
    this.#options = { headers: { 'x-shard-key': document } };
    this.#editing = this.#edit();
    this.#watching = this.#watch();
  }

  async #edit(): Promise<void> {
    for (let n = 0; this.#isEditing; n++) {
      const change = `${this.name}/${this.document}/${n}`;
      const madeMs = performance.now();
      try {
        await this.#methods.pushPullChanges({ documentId: this.document, change }, this.#options);
        this.edits.push({ change, madeMs, acknowledgedMs: performance.now() });
      } catch (error) {
        this.failed.push({ change, reason: String(error) });
      }
      await pause(this.#pauseMs);
    }
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stopping;
    const request = { documentId: this.document, clientId: this.name };
    while (!signal.aborted) {
      this.watches++;
      try {
        const events = this.#methods.watchDocument(request, { ...this.#options, signal });
        for await (const event of events) this.#take(event);
        this.ends.push('in order');
      } catch (error) {
        this.ends.push(String(error));
      }
      // Its key has moved: the next one is at the new owner.
      this.#see([]);
      if (!signal.aborted) await pause(this.#comesBackAfterMs);
    }
  }

  #take({ number, clientIds, watched, unwatched }: WatchEvent): void {
    if (number > this.#seen) {
      this.#seen = number;
      this.sightings.push({ number, atMs: performance.now() });
    }
    const names = this.company.at(-1)?.names ?? [];
    if (clientIds.length > 0) this.#see(clientIds.filter((name) => name !== this.name));
    else if (watched !== '') this.#see([...names.filter((name) => name !== watched), watched]);
    else if (unwatched !== '') {
      this.departures.push(unwatched);
      this.#see(names.filter((name) => name !== unwatched));
    }
  }

  #see(names: readonly string[]): void {
    this.company.push({ names, atMs: performance.now() });
  }

  /** How many changes it has seen. */
  get seen(): number {
    return this.#seen;
  }

  /** Resolves once nothing of it is under way any more but its watch. */
  async stopEditing(): Promise<void> {
    this.#isEditing = false;
    await this.#editing;
  }

  /** Resolves once its watch has ended. */
  async leave(): Promise<void> {
    this.#stopping.abort();
    await this.#watching;
  }
}
