import {
  Housekeeper,
  type HousekeepingListener,
  type Progress,
  type Run,
  type Task,
  unitText,
} from '../../housekeeping/index.ts';
import type { FencingToken, Registry } from '../../registry/index.ts';
import type { TopologyName } from '../../topology/index.ts';
import type { OperationLog } from '../operation-log.ts';
import { MaintenanceStore } from './maintenance-store.ts';
import type { ShardHousekeepingSettings } from './settings.ts';
import { shardTasks, type TaskParts } from './tasks.ts';

/** How a shard takes part in its cluster's housekeeping. */
export interface ShardHousekeepingOptions {
  readonly settings: ShardHousekeepingSettings;
  /** This process' name, for people. */
  readonly node: string;
  readonly timeOfDayMs: () => number;
  readonly random: () => number;
  readonly listener: HousekeepingListener;
}

/** The housekeeping of a reference shard, on its documents. */
export class ShardHousekeeping {
  readonly #maintenance: MaintenanceStore;
  readonly #housekeeper: Housekeeper;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(
    parts: Omit<TaskParts, 'maintenance' | 'onWrite'> & { readonly file: string; readonly log: OperationLog | null },
    cluster: { readonly registry: Registry; readonly name: TopologyName },
    { settings, ...surroundings }: ShardHousekeepingOptions,
  ) {
    const { file, log, shard, clock } = parts;
    const maintenance = new MaintenanceStore(file);
    this.#maintenance = maintenance;
    cluster.registry.expectTokensBeyond(maintenance.newestToken() as FencingToken);
    const onWrite = (task: string, unit: string, token: number): void =>
      log?.housekeeping('write', { task, unit, token });
    const tasks = shardTasks({ ...parts, maintenance, onWrite }, settings);
    const { lease, projectsBy, projectsEvery } = settings;
    this.#housekeeper = new Housekeeper({
      ...cluster,
      ...surroundings,
      shard,
      clock,
      lease,
      projectsBy,
      projectsEveryMs: projectsEvery,
      projects: async () => maintenance.projects(),
      tasks: log === null ? tasks : tasks.map((task) => logged(task, log)),
    });
  }

  start(): void {
    this.#running = this.#housekeeper.run(this.#stopping.signal);
  }

  /** Runs stop where they can, and others may have what this shard has claimed. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    this.#maintenance.close();
  }
}

function logged(task: Task, log: OperationLog): Task {
  const run = async (one: Run): Promise<Progress> => {
    const which = { task: task.name, unit: unitText(one.unit), token: one.token };
    log.housekeeping('run', which);
    let done = false;
    try {
      const progress = await task.run(one);
      done = progress.cursor === null;
      return progress;
    } finally {
      log.housekeepingOver(which, done);
    }
  };
  return { ...task, run };
}
