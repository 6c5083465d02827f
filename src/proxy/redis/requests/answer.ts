import type { ByteQueue } from '../../../io/index.ts';
import type { OpenRequest } from '../../core/open-request.ts';
import type { NamesInAnswer } from '../names/names-in-answer.ts';

/**
 * A command's place among the answers that its client waits for. They go out in the order of the commands.
 *
 * Fields are only declared here and in what extends it, and set by constructors: see `RoutedRequest` of HTTP.
 */
export abstract class Answer {
  /** The one behind it. */
  declare next: Answer | null;
  /** It is whole: nothing more comes. */
  declare isDone: boolean;
  /** Its client has asked for no answer (CLIENT REPLY). */
  declare isSilent: boolean;
  /** Takes the user's prefix off the names in it; null where there is none. */
  declare names: NamesInAnswer | null;
  /** What waits for earlier answers, whole, from `keptFrom` to `keptTo`; null where nothing does. */
  declare kept: Uint8Array | null;
  declare keptFrom: number;
  declare keptTo: number;
  /** The same of a large answer that comes in parts. */
  declare parts: ByteQueue | null;

  constructor() {
    this.next = null;
    this.isDone = false;
    this.isSilent = false;
    this.names = null;
    this.kept = null;
    this.keptFrom = 0;
    this.keptTo = 0;
    this.parts = null;
  }

  /** All earlier answers have gone out. */
  onFirst(): void {}

  /** Its client has gone. */
  cancel(): void {}

  /** What comes of it is not wanted any more, and its client goes on. */
  abandon(): void {}

  /** Visits the requests to shards by which it is found. */
  forEachRequest(_visit: (request: OpenRequest) => void): void {}
}

/** One that the router gives itself. */
export class OwnAnswer extends Answer {
  constructor(bytes: Uint8Array) {
    super();
    this.isDone = true;
    this.kept = bytes;
    this.keptTo = bytes.length;
  }
}
