import type { FencingToken } from '../registry/index.ts';
import type { Schedule } from './schedule.ts';
import type { Unit, UnitKind } from './unit.ts';

/** How a task is carried out. */
export interface TaskSettings {
  readonly schedule: Schedule;
  /** The number of units for which one node carries the task out at once. */
  readonly concurrency: number;
  /** A run that takes longer is ended. */
  readonly timeLimitMs: number;
  /** The most candidates that one run handles; the next run continues from there. */
  readonly candidates: number;
}

/** Periodic work on the data, for each unit of a kind. */
export interface Task {
  readonly name: string;
  readonly unit: UnitKind;
  readonly settings: TaskSettings;
  /**
   * Carries it out once. Between any two steps that can stand alone it asks `run.mayGoOn`, and returns where that says no.
   * Of two runs for one unit, at most one is under way at a time.
   * @throws StaleRun where the store knows a later run
   * @throws RunOver where `mayGoOn` has said no
   */
  run(run: Run): Promise<Progress>;
}

/** How far a run has come. */
export interface Progress {
  /** Where the next run continues; null: all was looked at. */
  readonly cursor: string | null;
  readonly candidates: number;
  readonly changed: number;
}

/** One time that a task is carried out for a unit. */
export interface Run {
  readonly unit: Unit;
  /** Shown with every write: of two claims of one unit the later one's is larger. */
  readonly token: FencingToken;
  /** Where the run before has stopped; null: from the beginning. */
  readonly cursor: string | null;
  readonly candidates: number;
  /** The time of day at which it is ended. */
  readonly deadlineMs: number;
  /**
   * Aborted when the run has to stop. A process that was stopped itself learns it late: ask `mayGoOn` before a write.
   */
  readonly signal: AbortSignal;
  readonly mayGoOn: () => boolean;
  /** Keeps how far it has come, should it fail. */
  readonly onProgress: (progress: Progress) => void;
}

/** A write of a run was refused: another node has the unit. */
export class StaleRun extends Error {
  override readonly name = 'StaleRun';

  /** @param newest the token that the store knows, where it reports one */
  constructor(unit: string, token: number, newest?: number) {
    super(`token ${token} is past: ${unit} was claimed ${newest === undefined ? 'again' : `with ${newest}`}`);
  }
}

/** A run whose time was over before it could write: nothing was written. */
export class RunOver extends Error {
  override readonly name = 'RunOver';

  constructor(unit: string) {
    super(`the run for ${unit} is over`);
  }
}
