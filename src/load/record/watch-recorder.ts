import type { Histogram } from 'hdr-histogram-js';
import { type Latencies, latenciesOf, newHistogram, recordMs } from './histograms.ts';
import { count, largestFirst } from './recorder.ts';

/** What became of watches. */
export interface WatchReport {
  /** At the end, and the most at once. */
  readonly open: number;
  readonly mostOpen: number;
  /** Streams that were opened. */
  readonly opened: number;
  /** Streams that the other side ended, by what it said. */
  readonly ended: Readonly<Record<string, number>>;
  /** Streams that ended and whose clients came back; from that end to the next answer the client received nothing. */
  readonly reattached: number;
  readonly reattachMs: Latencies;
  /** Those that ended and had not come back when the run was over. */
  readonly detached: number;
  /** Streams that were asked for, and whose answer had not begun. */
  readonly unanswered: number;
  readonly shards: Readonly<Record<string, number>>;
  readonly bytes: number;
}

/** Counts what becomes of watches. */
export class WatchRecorder {
  readonly #reattach: Histogram = newHistogram();
  readonly #ended = new Map<string, number>();
  readonly #shards = new Map<string, number>();
  #opened = 0;
  #mostOpen = 0;
  open = 0;
  detached = 0;
  attaching = 0;
  bytes = 0;

  /** @param afterMs since the stream before had ended; null: there was none */
  opened(shard: string, afterMs: number | null): void {
    this.#opened++;
    this.open++;
    this.#mostOpen = Math.max(this.#mostOpen, this.open);
    if (shard !== '') count(this.#shards, shard);
    if (afterMs === null) return;
    this.detached--;
    recordMs(this.#reattach, afterMs);
  }

  /** By the other side. @param wasOpen it had been answered. @param wasDetached its client had lost a stream before */
  ended(status: string, wasOpen: boolean, wasDetached: boolean): void {
    if (wasOpen) this.open--;
    if (!wasDetached) this.detached++;
    count(this.#ended, status);
  }

  /** By its client. */
  closed(): void {
    this.open--;
  }

  get report(): WatchReport {
    return {
      open: this.open,
      mostOpen: this.#mostOpen,
      opened: this.#opened,
      ended: Object.fromEntries(largestFirst(this.#ended)),
      reattached: this.#reattach.totalCount,
      reattachMs: latenciesOf(this.#reattach),
      detached: this.detached,
      unanswered: this.attaching,
      shards: Object.fromEntries(largestFirst(this.#shards)),
      bytes: this.bytes,
    };
  }
}
