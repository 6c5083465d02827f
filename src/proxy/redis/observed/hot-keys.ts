import { SlotTraffic } from './slot-traffic.ts';
import { SpaceSaving } from './space-saving.ts';

/** Counters of a thread: of keys that come as often as one in a thousand commands all are found. */
const COUNTERS = 1000;
/** The same for bytes, of which few keys have most. */
const BYTE_COUNTERS = 200;
/** A longer key is cut where it is shown, and counts as the others that begin so. */
const LONGEST_KEY = 256;
/** What one thread tells. */
const TOLD = 200;

/** A key that many commands, or bytes, were for. */
export interface HotKey {
  readonly cluster: string;
  /** In latin1, a character for a byte. */
  readonly key: string;
  readonly commands: number;
  /** By how much that may be too many. */
  readonly commandsError: number;
}

/** A key whose values were the largest. */
export interface HeavyKey {
  readonly cluster: string;
  readonly key: string;
  /** Of commands and answers. */
  readonly bytes: number;
  readonly bytesError: number;
}

/** What a thread, or several together, have seen in a while. */
export interface HotKeysReport {
  readonly commands: number;
  readonly bytes: number;
  readonly hot: readonly HotKey[];
  readonly heavy: readonly HeavyKey[];
  /** A key that is not among the hot ones came at most so often. */
  readonly unlistedCommands: number;
  /** The same of bytes, for what is not among the heavy ones. */
  readonly unlistedBytes: number;
}

/** Names of sketches: a cluster's name has no blank. */
const BETWEEN = ' ';

/** How much is kept, and told. */
export interface HotKeysSize {
  readonly counters: number;
  readonly byteCounters: number;
  readonly told: number;
}

/** Counts the keys of a thread's commands for as long as somebody wants to know. Nothing is counted otherwise. */
export class HotKeys {
  readonly #commands: SpaceSaving;
  readonly #bytes: SpaceSaving;
  readonly #told: number;
  readonly slots = new SlotTraffic();

  constructor(
    { counters, byteCounters, told }: HotKeysSize = { counters: COUNTERS, byteCounters: BYTE_COUNTERS, told: TOLD },
  ) {
    this.#commands = new SpaceSaving(counters);
    this.#bytes = new SpaceSaving(byteCounters);
    this.#told = told;
  }

  /** A command for a key was taken. */
  onCommand(cluster: string, key: string, slot: number): void {
    this.#commands.add(nameOf(cluster, key));
    this.slots.onCommand(cluster, slot);
  }

  /** So many bytes of a command, or its answer, were for a key. */
  onBytes(cluster: string, key: string, bytes: number): void {
    this.#bytes.add(nameOf(cluster, key), bytes);
  }

  report(): HotKeysReport {
    return {
      commands: this.#commands.total,
      bytes: this.#bytes.total,
      hot: this.#commands.top(this.#told).map(({ name, count, error }) => ({
        ...placeIn(name),
        commands: count,
        commandsError: error,
      })),
      heavy: this.#bytes.top(this.#told).map(({ name, count, error }) => ({
        ...placeIn(name),
        bytes: count,
        bytesError: error,
      })),
      unlistedCommands: this.#commands.mostBeyond(this.#told),
      unlistedBytes: this.#bytes.mostBeyond(this.#told),
    };
  }
}

function nameOf(cluster: string, key: string): string {
  return `${cluster}${BETWEEN}${key.length > LONGEST_KEY ? `${key.slice(0, LONGEST_KEY)}…` : key}`;
}

function placeIn(name: string): { cluster: string; key: string } {
  const at = name.indexOf(BETWEEN);
  return { cluster: name.slice(0, at), key: name.slice(at + BETWEEN.length) };
}

/**
 * What several threads, or routers, have seen, as one: the hottest first. A key that one of them does not list may have come there as often as any that
 * it does not list: so often it counts there, as a count that may be too high by all of it. So no count is less than what came, and none without its
 * error is more, as with one sketch (Agarwal and others: "Mergeable Summaries", 2012).
 */
export function mergeHotKeys(reports: readonly HotKeysReport[]): HotKeysReport {
  const sum = (of: (report: HotKeysReport) => number): number => reports.reduce((all, report) => all + of(report), 0);
  const hot = merged<HotKey>(
    reports.map((report) => ({ rows: report.hot, unlisted: report.unlistedCommands })),
    ({ commands, commandsError }) => [commands, commandsError],
    (row, commands, commandsError) => ({ ...row, commands, commandsError }),
  );
  const heavy = merged<HeavyKey>(
    reports.map((report) => ({ rows: report.heavy, unlisted: report.unlistedBytes })),
    ({ bytes, bytesError }) => [bytes, bytesError],
    (row, bytes, bytesError) => ({ ...row, bytes, bytesError }),
  );
  return {
    commands: sum(({ commands }) => commands),
    bytes: sum(({ bytes }) => bytes),
    hot: hot.sort((a, b) => b.commands - a.commands),
    heavy: heavy.sort((a, b) => b.bytes - a.bytes),
    unlistedCommands: sum(({ unlistedCommands }) => unlistedCommands),
    unlistedBytes: sum(({ unlistedBytes }) => unlistedBytes),
  };
}

interface List<Row> {
  readonly rows: readonly Row[];
  readonly unlisted: number;
}

function merged<Row extends { readonly cluster: string; readonly key: string }>(
  lists: ReadonlyArray<List<Row>>,
  read: (row: Row) => readonly [count: number, error: number],
  write: (row: Row, count: number, error: number) => Row,
): Row[] {
  const everywhere = lists.reduce((sum, { unlisted }) => sum + unlisted, 0);
  const all = new Map<string, { readonly row: Row; count: number; error: number }>();
  for (const { rows, unlisted } of lists)
    for (const row of rows) {
      const name = nameOf(row.cluster, row.key);
      const known = all.get(name) ?? { row, count: everywhere, error: everywhere };
      const [count, error] = read(row);
      all.set(name, { row, count: known.count + count - unlisted, error: known.error + error - unlisted });
    }
  return Array.from(all.values(), ({ row, count, error }) => write(row, count, error));
}
