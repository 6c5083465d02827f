import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { machineClock } from '../../src/runtime/machine-clock.ts';
import type { Topology, TopologyDraft } from '../../src/topology/index.ts';
import type { Cable } from '../support/cable.ts';
import type { Running, Scope } from '../support/processes.ts';
import type { Server } from '../support/registries.ts';
import type { ShardOperation, Stop, StoredChange, Version } from './history.ts';
import type { LoggedCall } from './plain-shard/call-log.ts';
import { valueText } from './value.ts';

export const NAME = { namespace: 'default', cluster: 'docs' };

/** Routers, shards, and what tells the ones of the others: each a process of its own. */
export interface World {
  readonly routers: readonly Router[];
  readonly shards: readonly Shard[];
  /** The processes that stand before shards, or beside them, where any do. */
  readonly companions: readonly ShardProcess[];
  /** Where routers and shards learn of each other; null where that is a file. */
  readonly registryServer: Server | null;
  topology(): Promise<Topology>;
  /** Changes the topology as a person would. @returns whether it came about */
  change(before: Topology, draft: TopologyDraft, what: string): Promise<boolean>;
  /** Gives up the change that is under way, where there is one. */
  abort(): Promise<void>;
  /** Has the registry forget its past changes. */
  compact(): Promise<void>;
  /** Who or what is not as it should be once all is well, or null. */
  missing(): Promise<string | null>;
  /** Every version so far, and who owned some keys by it. */
  versions(keys: readonly string[]): Promise<readonly Version[]>;
  /** Shards that know nothing of Keyway. */
  readonly plain: readonly string[];
  readonly documents: Documents;
}

/** A connection of a process with others, as `cut off from …` has them. */
export interface Link {
  readonly from: 'the registry' | 'the routers' | 'its clients' | 'its sidecar' | 'its agent';
  readonly cable: Cable;
}

/** A process that can be killed, stopped, and cut off from others. */
export class Victim {
  readonly name: string;
  readonly links: readonly Link[];
  readonly #launch: () => Promise<Running>;
  #running: Running | null = null;
  #stoppedAt = 0;
  readonly stops: Stop[] = [];
  readonly deaths: Array<{ readonly pid: number; readonly at: number }> = [];

  constructor(name: string, links: readonly Link[], launch: () => Promise<Running>) {
    this.name = name;
    this.links = links;
    this.#launch = launch;
  }

  async start(): Promise<void> {
    this.#running = await this.#launch();
  }

  async kill(): Promise<void> {
    const running = this.#running;
    if (running === null) return;
    await running.end('SIGKILL');
    this.deaths.push({ pid: running.pid, at: machineClock() });
  }

  stop(): void {
    this.#running?.child.kill('SIGSTOP');
    this.#stoppedAt = machineClock();
  }

  goOn(): void {
    if (this.#running === null) return;
    this.stops.push({ pid: this.#running.pid, begin: this.#stoppedAt, end: machineClock() });
    this.#running.child.kill('SIGCONT');
  }

  get pid(): number {
    return this.#running?.pid ?? 0;
  }

  get output(): string {
    return this.#running?.output ?? '';
  }
}

export interface Router extends Victim {
  readonly endpoint: string;
}

/** A process without which a shard does not serve. */
export interface ShardProcess extends Victim {
  readonly id: string;
}

export interface Shard extends ShardProcess {
  /** Where routers reach it; those of a shard that has several lead to the same process. */
  readonly addresses: readonly [string, ...string[]];
}

/** What all shards of a world share, and have written down. */
export class Documents {
  readonly file: string;
  readonly #folder: string;

  constructor(scope: Scope) {
    this.#folder = scope.folder();
    this.file = join(this.#folder, 'documents.sqlite');
  }

  logOf(shard: string): string {
    return join(this.#folder, `${shard}.jsonl`);
  }

  /** Every change that the store holds. */
  stored(): StoredChange[] {
    const database = new DatabaseSync(this.file, { readOnly: true });
    const rows = database.prepare('SELECT key, revision, value, version FROM changes ORDER BY revision').all();
    database.close();
    return (rows as unknown as Array<{ key: string; revision: number; value: Uint8Array; version: number }>).map(
      ({ value, ...row }) => ({ ...row, value: valueText(value) }),
    );
  }

  operations(shards: readonly Shard[]): ShardOperation[] {
    return shards.flatMap(({ id, deaths }) => parseLog(id, readFileSync(this.logOf(id), 'utf8'), deaths));
  }
}

/** What each process of a shard has written down, one process after the other. */
export function processesIn(text: string): Array<{ readonly pid: number; readonly entries: readonly LoggedCall[] }> {
  const processes: Array<{ pid: number; entries: LoggedCall[] }> = [];
  for (const line of text.split('\n')) {
    // The last line of a process that was killed may be torn.
    if (!line.endsWith('}')) continue;
    const entry = JSON.parse(line) as LoggedCall;
    if (entry.kind === 'start') processes.push({ pid: entry.pid, entries: [] });
    else processes.at(-1)?.entries.push(entry);
  }
  return processes;
}

/** Operations whose end nobody could write down ended with their process, at the latest. */
function parseLog(shard: string, text: string, deaths: Victim['deaths']): ShardOperation[] {
  const operations: ShardOperation[] = [];
  for (const { pid, entries } of processesIn(text)) {
    const open = new Map<number, Extract<LoggedCall, { kind: 'begin' }>>();
    const begun = ({ operation, key, at, version, call }: Extract<LoggedCall, { kind: 'begin' }>) => ({
      shard,
      pid,
      operation,
      key,
      begin: at,
      version,
      call: call ?? null,
    });
    for (const entry of entries) {
      if (entry.kind === 'begin') open.set(entry.id, entry);
      const beginning = entry.kind === 'end' ? open.get(entry.id) : undefined;
      if (entry.kind !== 'end' || beginning === undefined) continue;
      open.delete(entry.id);
      const { at, served, revision, abandoned = false } = entry;
      operations.push({ ...begun(beginning), end: at, served, revision, abandoned });
    }
    const end = deaths.find((death) => death.pid === pid)?.at ?? Number.POSITIVE_INFINITY;
    for (const each of open.values())
      operations.push({ ...begun(each), end, served: true, revision: 0, abandoned: false });
  }
  return operations;
}
