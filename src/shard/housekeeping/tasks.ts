import { type Progress, type Run, type Task, taskSettings, unitText } from '../../housekeeping/index.ts';
import type { Ownership } from '../../ownership/index.ts';
import { type DocumentStore, RevisionConflict, StaleToken } from '../document-store.ts';
import type { DocumentWatches } from '../document-watches.ts';
import type { MaintenanceStore, UnitToken } from './maintenance-store.ts';
import { Pace } from './pace.ts';
import type { ShardHousekeepingSettings } from './settings.ts';

/** What the tasks work on. */
export interface TaskParts {
  readonly shard: string;
  readonly store: DocumentStore;
  readonly maintenance: MaintenanceStore;
  readonly watches: DocumentWatches;
  readonly ownership: Ownership;
  readonly clock: () => number;
  /** Called after every write of a run that was not refused, while no other process can write. */
  readonly onWrite: (task: string, unit: string, token: number) => void;
}

/** The reference shard's tasks. To add one, write a function, give it settings in `settings.ts` and list it here. */
export function shardTasks(parts: TaskParts, { tasks }: ShardHousekeepingSettings): Task[] {
  return [
    tasks.compaction === false ? [] : compaction(parts, tasks.compaction),
    tasks.tombstones === false ? [] : tombstones(parts, tasks.tombstones),
    tasks.sessions === false ? [] : sessions(parts, tasks.sessions),
    tasks.expiry === false ? [] : expiry(parts, tasks.expiry),
    tasks.optimize === false ? [] : optimize(parts, tasks.optimize),
  ].flat();
}

type SettingsOf<Name extends keyof ShardHousekeepingSettings['tasks']> = Exclude<
  ShardHousekeepingSettings['tasks'][Name],
  false
>;

/** Documents with many changes keep the last ones. */
function compaction(parts: TaskParts, { leastChanges, keptChanges, ...settings }: SettingsOf<'compaction'>): Task {
  const { maintenance } = parts;
  return {
    name: 'compaction',
    unit: 'project',
    settings: taskSettings(settings),
    run: (run) => eachKey(parts, 'compaction', run, (key) => maintenance.compactable(key, leastChanges, keptChanges)),
  };
}

/** Documents that were deleted long ago are forgotten. */
function tombstones(parts: TaskParts, { after: afterMs, ...settings }: SettingsOf<'tombstones'>): Task {
  const { maintenance } = parts;
  return {
    name: 'tombstones',
    unit: 'project',
    settings: taskSettings(settings),
    run: (run) => eachKey(parts, 'tombstones', run, (key) => maintenance.deletedAt(key, afterMs)),
  };
}

/** Sessions without a sign of life end. */
function sessions(parts: TaskParts, { idle: idleMs, ...settings }: SettingsOf<'sessions'>): Task {
  const { maintenance, clock } = parts;
  return {
    name: 'sessions',
    unit: 'project',
    settings: taskSettings(settings),
    run: async (run) => {
      const token = tokenOf(parts, 'sessions', run);
      maintenance.begin(token);
      const pace = new Pace(clock, run.signal);
      let ended = 0;
      while (run.mayGoOn() && ended < run.candidates) {
        const some = maintenance.endSessions(projectOf(run), idleMs, run.candidates - ended, token);
        ended += some;
        if (some === 0) return { cursor: null, candidates: ended, changed: ended };
        await pace.rest();
      }
      return { cursor: 'more', candidates: ended, changed: ended };
    },
  };
}

/** How many expired documents are looked at together. */
const EXPIRED_AT_ONCE = 50;

/** Expired documents are deleted by the shard that serves them, and their watchers are notified. */
function expiry(parts: TaskParts, settings: SettingsOf<'expiry'>): Task {
  const { maintenance, store, ownership, clock } = parts;
  return {
    name: 'expiry',
    unit: 'shard',
    settings: taskSettings(settings),
    run: async (run) => {
      const token = tokenOf(parts, 'expiry', run);
      maintenance.begin(token);
      const pace = new Pace(clock, run.signal);
      let last = { key: '', expiresAtMs: 0 };
      let [candidates, changed] = [0, 0];
      while (run.mayGoOn() && candidates < run.candidates) {
        const some = store.expired(last, Math.min(EXPIRED_AT_ONCE, run.candidates - candidates));
        for (const { key, revision } of some) {
          const verdict = ownership.admit(key, null);
          if (run.mayGoOn() && 'kind' in verdict && verdict.kind === 'owner' && expire(parts, key, revision, token))
            changed++;
        }
        candidates += some.length;
        last = some.at(-1) ?? last;
        if (some.length === 0) return { cursor: null, candidates, changed };
        await pace.rest();
      }
      // It starts over next time: what was not this shard's may be by then.
      return { cursor: 'more', candidates, changed };
    },
  };
}

function expire(parts: TaskParts, key: string, expected: number, token: UnitToken): boolean {
  const { store, maintenance, watches, shard, ownership } = parts;
  try {
    const writer = { shard, version: ownership.version };
    const revision = store.delete(key, expected, writer, (database) => maintenance.check(token, database));
    watches.announce({ kind: 'delete', document: { key, value: new Uint8Array(0), revision } });
    return true;
  } catch (error) {
    // Another process has written it meanwhile, or has it now.
    if (error instanceof RevisionConflict || error instanceof StaleToken) return false;
    throw error;
  }
}

/** The database looks after itself, once for all shards that share it. */
function optimize(parts: TaskParts, settings: SettingsOf<'optimize'>): Task {
  const { maintenance } = parts;
  return {
    name: 'optimize',
    unit: 'cluster',
    settings: taskSettings(settings),
    run: async (run) => {
      maintenance.begin(tokenOf(parts, 'optimize', run));
      maintenance.optimize();
      return { cursor: null, candidates: 1, changed: 1 };
    },
  };
}

/** Goes through the keys of a project, behind the cursor, at a pace that leaves the thread to requests, and removes changes. */
async function eachKey(
  parts: TaskParts,
  task: string,
  run: Run,
  /** Up to which revision to remove a document's changes; 0: none. */
  removableUpTo: (key: string) => number,
): Promise<Progress> {
  const { maintenance, clock } = parts;
  const token = tokenOf(parts, task, run);
  maintenance.begin(token);
  const pace = new Pace(clock, run.signal);
  const project = projectOf(run);
  let last = run.cursor ?? '';
  let [candidates, changed] = [0, 0];
  while (run.mayGoOn() && candidates < run.candidates) {
    const key = maintenance.keyAfter(project, last);
    if (key === null) return { cursor: null, candidates, changed };
    const upTo = removableUpTo(key);
    for (let some = 1; upTo > 0 && some > 0; await pace.rest()) {
      if (!run.mayGoOn()) return { cursor: last, candidates, changed };
      some = maintenance.removeChanges(key, upTo, token);
      changed += some;
    }
    last = key;
    candidates++;
    run.onProgress({ cursor: last, candidates, changed });
    await pace.rest();
  }
  return { cursor: last, candidates, changed };
}

function tokenOf({ onWrite }: TaskParts, task: string, { unit, token, mayGoOn }: Run): UnitToken {
  const name = unitText(unit);
  return { unit: name, token, mayGoOn, onWrite: () => onWrite(task, name, token) };
}

function projectOf({ unit }: Run): string {
  if (unit.kind !== 'project') throw new TypeError(`${unitText(unit)} is not a project`);
  return unit.project;
}
