import type { LoopVitals, ThreadVitals } from '../runtime/thread-vitals.ts';
import { MetricsText, type Samples } from './metrics-text.ts';

/** What is known of a process. */
export interface ProcessVitals {
  /** Keyway's version, and Node's. */
  readonly version: string;
  readonly node: string;
  /** When it began, in seconds of the time of day. */
  readonly startedSeconds: number;
  readonly cpuUserSeconds: number;
  readonly cpuSystemSeconds: number;
  readonly residentBytes: number;
  /** Files and sockets; null where the system does not say. */
  readonly openFiles: number | null;
  readonly maxOpenFiles: number;
  readonly threads: ReadonlyArray<{ readonly name: string; readonly vitals: ThreadVitals }>;
}

/** Renders what is known of a process in Prometheus' text form, by the names that its client libraries have for it. */
export async function renderProcess(vitals: ProcessVitals): Promise<string> {
  const text = new MetricsText();
  const one = (value: number): Samples => [[{}, value]];
  const { version, node, cpuUserSeconds: user, cpuSystemSeconds: system, openFiles, maxOpenFiles } = vitals;
  await text.gauge('keyway_build_info', 'The release and the Node version.', [[{ version, node }, 1]]);
  await text.counter('process_cpu_seconds_total', 'CPU time of all threads.', one(user + system));
  await text.counter('process_cpu_user_seconds_total', 'CPU time in the process itself.', one(user));
  await text.counter('process_cpu_system_seconds_total', 'CPU time in the kernel.', one(system));
  await text.gauge(
    'process_start_time_seconds',
    'When the process began, in seconds since 1970.',
    one(vitals.startedSeconds),
  );
  await text.gauge('process_resident_memory_bytes', 'Memory of all threads.', one(vitals.residentBytes));
  if (openFiles !== null) await text.gauge('process_open_fds', 'Open files and sockets.', one(openFiles));
  if (Number.isFinite(maxOpenFiles))
    await text.gauge('process_max_fds', 'The maximum number of open files and sockets.', one(maxOpenFiles));
  await addThreads(text, vitals.threads);
  await addLoops(text, vitals.threads);
  return text.whole;
}

type Threads = ProcessVitals['threads'];

async function addThreads(text: MetricsText, threads: Threads): Promise<void> {
  const each = (value: (vitals: ThreadVitals) => number): Samples =>
    threads.map(({ name, vitals }) => [{ thread: name }, value(vitals)]);
  const busy = each(({ busySeconds }) => busySeconds);
  await text.counter('keyway_thread_busy_seconds_total', 'Time that the event loop has worked.', busy);
  const used = each(({ heapUsedBytes }) => heapUsedBytes);
  await text.gauge('nodejs_heap_size_used_bytes', 'The JavaScript heap of each thread that is in use.', used);
  const total = each(({ heapTotalBytes }) => heapTotalBytes);
  await text.gauge('nodejs_heap_size_total_bytes', 'The JavaScript heap of each thread, used and free.', total);
  const external = each(({ externalBytes }) => externalBytes);
  await text.gauge('nodejs_external_memory_bytes', 'Memory outside the heap, such as buffers.', external);
}

async function addLoops(text: MetricsText, threads: Threads): Promise<void> {
  const loops = threads.flatMap(({ name, vitals: { loop } }) => (loop === null ? [] : [{ name, loop }]));
  const each = (value: (lag: LoopVitals['lag']) => number): Samples =>
    loops.map(({ name, loop }) => [{ thread: name }, value(loop.lag)]);
  const since = 'since the last reading';
  const mean = each(({ meanSeconds }) => meanSeconds);
  await text.gauge('nodejs_eventloop_lag_seconds', `How late the event loop was ${since}, on average.`, mean);
  const p99 = each(({ p99Seconds }) => p99Seconds);
  await text.gauge('nodejs_eventloop_lag_p99_seconds', 'The 99th percentile of event loop lag.', p99);
  const max = each(({ maxSeconds }) => maxSeconds);
  await text.gauge('nodejs_eventloop_lag_max_seconds', 'The maximum event loop lag.', max);
  const collections = loops.flatMap(({ name, loop }) =>
    Object.entries(loop.collections).map(([kind, sums]) => ({ labels: { thread: name, kind }, sums })),
  );
  // Without labels there would be a series that vanishes with the first collection.
  if (collections.length === 0) return;
  const runs = collections.map(({ labels, sums }) => [labels, sums.count] as const);
  await text.counter('nodejs_gc_runs_total', 'Garbage collections.', runs);
  const seconds = collections.map(({ labels, sums }) => [labels, sums.seconds] as const);
  await text.counter('nodejs_gc_seconds_total', 'Time spent in garbage collections.', seconds);
}
