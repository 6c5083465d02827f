/** What a page does: edits documents, one change after the other in each, and watches them. */

import { type CallOptions, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';
import { yorkieServiceOf } from '../../support/yorkie-descriptor.ts';

export interface EditorCall {
  readonly baseUrl: string;
  /** What its changes begin with. */
  readonly name: string;
  readonly documents: readonly string[];
  readonly descriptorSet: readonly number[];
}

export interface EditorResult {
  readonly name: string;
  readonly document: string;
  /** Changes that were acknowledged. */
  readonly acknowledged: readonly string[];
  /** Why others were not. */
  readonly failures: readonly string[];
  /** How many changes the watch has seen in the end. */
  readonly seen: number;
  /** How often the watch was opened. */
  readonly watches: number;
}

interface Methods {
  pushPullChanges(request: object, options: CallOptions): Promise<object>;
  watchDocument(request: object, options: CallOptions): AsyncIterable<{ number: number }>;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class Editor {
  readonly #methods: Methods;
  readonly #name: string;
  readonly #document: string;
  readonly #options: CallOptions;
  readonly #acknowledged: string[] = [];
  readonly #failures: string[] = [];
  readonly #stopping = new AbortController();
  readonly #editing: Promise<void>;
  readonly #watching: Promise<void>;
  #isEditing = true;
  #seen = 0;
  #watches = 0;

  constructor(methods: Methods, name: string, document: string) {
    this.#methods = methods;
    this.#name = name;
    this.#document = document;
    this.#options = { headers: { 'x-shard-key': document } };
    this.#editing = this.#edit();
    this.#watching = this.#watch();
  }

  async #edit(): Promise<void> {
    for (let n = 0; this.#isEditing; n++) {
      const change = `${this.#name}/${this.#document}/${n}`;
      try {
        await this.#methods.pushPullChanges({ documentId: this.#document, change }, this.#options);
        this.#acknowledged.push(change);
      } catch (error) {
        this.#failures.push(String(error));
      }
      await pause(5);
    }
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#watches++;
      try {
        const events = this.#methods.watchDocument({ documentId: this.#document }, { ...this.#options, signal });
        for await (const { number } of events) this.#seen = Math.max(this.#seen, number);
      } catch {
        // Its key has moved: the next one is at the new owner.
      }
      await pause(10);
    }
  }

  get acknowledged(): number {
    return this.#acknowledged.length;
  }

  async stopEditing(): Promise<void> {
    this.#isEditing = false;
    await this.#editing;
  }

  /** @param length how many changes the document has in the end: the watch has to see them */
  async finish(length: number): Promise<EditorResult> {
    for (let waits = 0; this.#seen < length && waits < 500; waits++) await pause(20);
    this.#stopping.abort();
    await this.#watching;
    const [name, document, seen, watches] = [this.#name, this.#document, this.#seen, this.#watches];
    return { name, document, acknowledged: this.#acknowledged, failures: this.#failures, seen, watches };
  }
}

let editors: Editor[] = [];

Object.assign(globalThis, {
  start: ({ baseUrl, name, documents, descriptorSet }: EditorCall): void => {
    const service = yorkieServiceOf(Uint8Array.from(descriptorSet));
    const methods = createClient(service, createConnectTransport({ baseUrl })) as unknown as Methods;
    editors = documents.map((document) => new Editor(methods, name, document));
  },
  acknowledged: (): number => Math.min(...editors.map(({ acknowledged }) => acknowledged)),
  stopEditing: async (): Promise<void> => void (await Promise.all(editors.map((editor) => editor.stopEditing()))),
  finish: (lengths: readonly number[]): Promise<EditorResult[]> =>
    Promise.all(editors.map((editor, i) => editor.finish(lengths[i] ?? 0))),
});

/** What the test calls. */
export interface EditorPage {
  start(call: EditorCall): void;
  acknowledged(): number;
  stopEditing(): Promise<void>;
  finish(lengths: readonly number[]): Promise<EditorResult[]>;
}
