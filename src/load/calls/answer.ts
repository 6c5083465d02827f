import { type RevisionPlace, revisionNumber } from './revision.ts';

/** The header section of an answer, or its trailers; valid while they are handed over. */
export interface AnswerFields {
  /** Empty where there is none. */
  get(name: string): string;
}

/** A message of an answer, read. */
export interface AnswerMessage {
  readonly revision: number | null;
}

/** Called for each message of an answer. */
export interface MessageListener {
  onMessage(message: AnswerMessage): void;
}

/** What comes back for one request, as its protocol has it. */
export interface Answer {
  onHead(status: string, fields: AnswerFields): void;
  /** @throws Error where the bytes are not what the protocol has */
  onContent(bytes: Uint8Array, start: number, end: number): void;
  /** It is complete. @returns its status, and how long it asks for before the next try, ms; 0: it does not ask */
  onEnd(trailers: AnswerFields | null): { readonly status: string; readonly pushbackMs: number };
}

/** The field by which an answer says how long to wait before the next try, ms (gRFC A6). */
export const PUSHBACK = 'grpc-retry-pushback-ms';

/** What the answers of all protocols have: a status, and a revision in a header or in each message. */
export abstract class RevisedAnswer implements Answer {
  protected http = '';
  readonly #place: RevisionPlace | null;
  readonly #listener: MessageListener | null;

  /** @param place null: answers have no revision. @param listener null: no listener */
  constructor(place: RevisionPlace | null, listener: MessageListener | null) {
    this.#place = place;
    this.#listener = listener;
  }

  onHead(status: string, fields: AnswerFields): void {
    this.http = status;
    if (this.#place !== null && 'header' in this.#place)
      this.#listener?.onMessage({ revision: revisionNumber(fields.get(this.#place.header)) });
  }

  /** Whether a listener wants each message. */
  protected get wantsMessages(): boolean {
    return this.#listener !== null && (this.#place === null || 'path' in this.#place);
  }

  /** Reports a message. @param read finds its revision, where it has one */
  protected reportMessage(read: (path: readonly string[]) => number | null): void {
    if (this.#listener === null || (this.#place !== null && 'header' in this.#place)) return;
    this.#listener.onMessage({ revision: this.#place === null ? null : read(this.#place.path) });
  }

  abstract onContent(bytes: Uint8Array, start: number, end: number): void;
  abstract onEnd(trailers: AnswerFields | null): { readonly status: string; readonly pushbackMs: number };
}
