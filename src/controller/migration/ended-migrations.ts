import type { ClusterEvent } from '../event.ts';
import type { MigrationQueue, MigrationState } from './migration.ts';

/** Which of a cluster's migrations have ended, to tell when one does. What had ended before the first look is not told. */
export class EndedMigrations {
  #before: ReadonlyMap<number, MigrationState> | null = null;

  changes({ migrations }: MigrationQueue): ClusterEvent[] {
    const before = this.#before;
    this.#before = new Map(migrations.map(({ id, state }) => [id, state]));
    if (before === null) return [];
    return migrations.flatMap(({ id, state, from, to, reason }): ClusterEvent[] => {
      if ((state !== 'done' && state !== 'failed') || before.get(id) === state) return [];
      return [{ event: `migration-${state}`, migration: id, from, to, reason }];
    });
  }
}
