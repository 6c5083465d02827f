/** A command that took long, as people are shown it: its values are nobody's business. */
export interface SlowCommand {
  /** When it ended, as log lines have the time of day. */
  readonly at: string;
  /** From when it was taken until its answer was complete. */
  readonly tookMs: number;
  /** In capital letters; a subcommand with its container's name. */
  readonly command: string;
  /** The first; null where it has none, or it is not known any more. */
  readonly key: string | null;
  readonly cluster: string;
  readonly shard: string;
  /** The address that it came from. */
  readonly client: string;
  /** Of the command. */
  readonly bytes: number;
}

/** What a thread keeps: as much as Redis does by default. */
const KEPT = 128;

/** The commands of a thread that took long, the latest ones. */
export class SlowLog {
  readonly #entries: SlowCommand[] = [];
  /** All that there were. */
  count = 0;

  add(entry: SlowCommand): void {
    this.count++;
    this.#entries.push(entry);
    if (this.#entries.length > KEPT) this.#entries.shift();
  }

  entries(): readonly SlowCommand[] {
    return this.#entries;
  }
}

/** What one thread has. */
export interface SlowLogReport {
  readonly count: number;
  readonly entries: readonly SlowCommand[];
}

/** The slow logs of all threads as one, the latest first. */
export function mergeSlowLogs(reports: readonly SlowLogReport[]): SlowLogReport {
  const entries = reports.flatMap((report) => report.entries);
  return {
    count: reports.reduce((sum, { count }) => sum + count, 0),
    entries: entries.sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : b.tookMs - a.tookMs)),
  };
}
