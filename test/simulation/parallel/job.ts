import type { Batch, BatchOptions } from '../batch.ts';

/** Runs for one process. */
export interface Job extends Omit<BatchOptions, 'planted'> {
  /** The name of a fault that is planted, or null. */
  readonly planted: string | null;
}

export interface Done extends Batch {
  /** CPU time that it took. */
  readonly cpuMs: number;
}
