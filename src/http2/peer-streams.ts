import { MAXIMUM_STREAM_ID } from './frames.ts';

/** Ids of streams that we have reset, whose frames may still be under way (RFC 9113, 5.1 "closed"). */
const REMEMBERED_RESETS = 256;
/** Gaps in the ids that a client used, remembered to tell a stream that never was from one that is over. */
const REMEMBERED_GAPS = 16;

/** What an id in a new request means. */
export type IdVerdict = 'new' | 'ignored' | 'even' | 'skipped' | 'over';

/** The ids that the peer has opened streams with, and what a frame on one that is not open means (RFC 9113, 5.1, 5.1.1). */
export class PeerStreams {
  /** The highest that the peer has opened. */
  last = 0;
  /** The last that we promised to process; beyond it we ignore. */
  lastAccepted = MAXIMUM_STREAM_ID;
  #resets: number[] = [];
  #gaps: Array<readonly [first: number, last: number]> = [];

  /** Judges the id of a header block that belongs to no open stream, and takes note of a new one. */
  judge(id: number): IdVerdict {
    if ((id & 1) === 0) return 'even';
    if (id <= this.last) {
      if (this.#resets.includes(id)) return 'ignored';
      return this.#gaps.some(([first, last]) => id >= first && id <= last) ? 'skipped' : 'over';
    }
    if (id > this.last + 2) {
      if (this.#gaps.length >= REMEMBERED_GAPS) this.#gaps.shift();
      this.#gaps.push([this.last + 2, id - 2]);
    }
    // Behind our last GOAWAY the peer knows that it was not processed.
    if (id > this.lastAccepted) return 'ignored';
    this.last = id;
    return 'new';
  }

  /** From now on nothing new is processed. */
  acceptNoMore(): void {
    this.lastAccepted = this.last;
  }

  rememberReset(id: number): void {
    if (this.#resets.length >= REMEMBERED_RESETS) this.#resets.shift();
    this.#resets.push(id);
  }

  wasReset(id: number): boolean {
    return this.#resets.includes(id);
  }
}
