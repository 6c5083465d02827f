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

/** What a thread has seen in a while. */
export interface HotKeysReport {
  readonly commands: number;
  readonly bytes: number;
  readonly hot: readonly HotKey[];
  readonly heavy: readonly HeavyKey[];
}

/** Names of sketches: a cluster's name has no blank. */
const BETWEEN = ' ';

/** Counts the keys of a thread's commands for as long as somebody wants to know. Nothing is counted otherwise. */
export class HotKeys {
  readonly #commands = new SpaceSaving(COUNTERS);
  readonly #bytes = new SpaceSaving(BYTE_COUNTERS);

  /** A command for a key was taken. */
  onCommand(cluster: string, key: string): void {
    this.#commands.add(nameOf(cluster, key));
  }

  /** So many bytes of a command, or its answer, were for a key. */
  onBytes(cluster: string, key: string, bytes: number): void {
    this.#bytes.add(nameOf(cluster, key), bytes);
  }

  report(): HotKeysReport {
    return {
      commands: this.#commands.total,
      bytes: this.#bytes.total,
      hot: this.#commands.top(TOLD).map(({ name, count, error }) => ({
        ...placeIn(name),
        commands: count,
        commandsError: error,
      })),
      heavy: this.#bytes.top(TOLD).map(({ name, count, error }) => ({
        ...placeIn(name),
        bytes: count,
        bytesError: error,
      })),
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

/** What all threads have seen, as one: the hottest first. */
export function mergeHotKeys(reports: readonly HotKeysReport[]): HotKeysReport {
  const sum = (of: (report: HotKeysReport) => number): number => reports.reduce((all, report) => all + of(report), 0);
  const hot = merged(
    reports.map((report) => report.hot),
    (one, other) => ({
      ...one,
      commands: one.commands + other.commands,
      commandsError: one.commandsError + other.commandsError,
    }),
  );
  const heavy = merged(
    reports.map((report) => report.heavy),
    (one, other) => ({
      ...one,
      bytes: one.bytes + other.bytes,
      bytesError: one.bytesError + other.bytesError,
    }),
  );
  return {
    commands: sum(({ commands }) => commands),
    bytes: sum(({ bytes }) => bytes),
    hot: hot.sort((a, b) => b.commands - a.commands),
    heavy: heavy.sort((a, b) => b.bytes - a.bytes),
  };
}

function merged<Row extends { readonly cluster: string; readonly key: string }>(
  lists: ReadonlyArray<readonly Row[]>,
  add: (one: Row, other: Row) => Row,
): Row[] {
  const all = new Map<string, Row>();
  for (const row of lists.flat()) {
    const name = nameOf(row.cluster, row.key);
    const known = all.get(name);
    all.set(name, known === undefined ? row : add(known, row));
  }
  return [...all.values()];
}
