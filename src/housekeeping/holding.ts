import type { FencingToken, Term } from '../registry/index.ts';
import type { HeldState } from './board.ts';
import type { TaskState, UnitState } from './entries.ts';
import { type Unit, unitText } from './unit.ts';

/** A unit that this node has claimed, with what is known of its tasks. */
export class Holding {
  readonly unit: Unit;
  readonly name: string;
  readonly token: FencingToken;
  readonly term: Term;
  readonly tasks: Map<string, TaskState>;
  /** What is carried out, or waits for its turn, by task. */
  readonly running = new Map<string, AbortController>();
  /** Something has to be kept that the registry does not know yet. */
  isDirty = false;
  /** It will be given back: nothing new is begun. */
  isLeaving = false;

  constructor(unit: Unit, token: FencingToken, term: Term, state: UnitState | undefined) {
    this.unit = unit;
    this.name = unitText(unit);
    this.token = token;
    this.term = term;
    this.tasks = new Map(Object.entries(state?.tasks ?? {}));
  }

  get state(): HeldState {
    return { unit: this.name, token: this.token, state: { tasks: Object.fromEntries(this.tasks) } };
  }

  set(task: string, state: TaskState): void {
    this.tasks.set(task, state);
    this.isDirty = true;
  }

  /** Nothing new is begun, and what goes on stops where it can. */
  leave(): void {
    if (this.isLeaving) return;
    this.isLeaving = true;
    for (const controller of this.running.values()) controller.abort();
  }
}
