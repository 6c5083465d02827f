import { monitorEventLoopDelay, type PerformanceEntry, PerformanceObserver, performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';

/** How a thread's event loop and heap are. */
export interface ThreadVitals {
  /** Time that its event loop has worked, since the thread began. */
  readonly busySeconds: number;
  readonly heapUsedBytes: number;
  readonly heapTotalBytes: number;
  /** Memory outside of the heap that is bound to its objects, such as buffers. */
  readonly externalBytes: number;
  /** Null of a thread that is looked at from outside. */
  readonly loop: LoopVitals | null;
}

export interface LoopVitals {
  /** How late timers were since they were last read. */
  readonly lag: { readonly meanSeconds: number; readonly p99Seconds: number; readonly maxSeconds: number };
  /** Collections of garbage since the thread began, by kind. */
  readonly collections: Readonly<Record<string, { readonly count: number; readonly seconds: number }>>;
}

/**
 * How often the loop's delay is looked at. Each look wakes the thread, for some 40 µs: fifty a second were nine tenths of
 * the CPU time of an idle router.
 */
const RESOLUTION_MS = 100;
const NS = 1e9;

/** `detail.kind` of a performance entry (Node's `perf_hooks.constants`), by the names that prom-client has for them. */
const KINDS: Readonly<Record<number, string>> = { 1: 'minor', 4: 'major', 8: 'incremental', 16: 'weakcb' };

type CollectionEntry = PerformanceEntry & { readonly detail: { readonly kind: number } };

/** Looks after the thread that it is made in, for as long as that lives. */
export class VitalsMonitor {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #collections: Record<string, { count: number; seconds: number }> = {};

  constructor() {
    this.#delay.enable();
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) this.#onCollection(entry as CollectionEntry);
    }).observe({ entryTypes: ['gc'] });
  }

  #onCollection({ detail, duration: ms }: CollectionEntry): void {
    const kind = KINDS[detail.kind] ?? 'other';
    const sums = this.#collections[kind] ?? { count: 0, seconds: 0 };
    this.#collections[kind] = { count: sums.count + 1, seconds: sums.seconds + ms / 1000 };
  }

  read(): ThreadVitals {
    return {
      ...heapAndLoop(getHeapStatistics(), performance),
      loop: { lag: this.#lag(), collections: this.#collections },
    };
  }

  #lag(): LoopVitals['lag'] {
    const delay = this.#delay;
    const lag = {
      meanSeconds: lateness(delay.mean),
      p99Seconds: lateness(delay.percentile(99)),
      maxSeconds: lateness(delay.max),
    };
    delay.reset();
    return lag;
  }
}

/** The histogram has the time between two looks; what is beyond their interval is lag. Nothing, where there was no look yet. */
function lateness(intervalNs: number): number {
  return intervalNs > 0 ? Math.max(0, intervalNs / NS - RESOLUTION_MS / 1000) : 0;
}

type HeapStatistics = Pick<
  ReturnType<typeof getHeapStatistics>,
  'used_heap_size' | 'total_heap_size' | 'external_memory'
>;

/** What can be measured of a thread from outside as well: a `Worker` has both. */
export function heapAndLoop(
  heap: HeapStatistics,
  { eventLoopUtilization }: Pick<typeof performance, 'eventLoopUtilization'>,
): Omit<ThreadVitals, 'loop'> {
  return {
    busySeconds: eventLoopUtilization().active / 1000,
    heapUsedBytes: heap.used_heap_size,
    heapTotalBytes: heap.total_heap_size,
    externalBytes: heap.external_memory,
  };
}
