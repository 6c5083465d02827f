import type { SlotRange } from '../../../topology/index.ts';

/** A node of a Redis cluster as one of its nodes sees it. */
export interface SeenNode {
  /** 40 characters. */
  readonly id: string;
  /** `host:port` where clients reach it. */
  readonly address: string;
  /** The primary that it follows; null: it is a primary. */
  readonly follows: string | null;
  /** The cluster, and not only the node that was asked, holds it for dead. */
  readonly isFailing: boolean;
  /** The config epoch by which it claims its slots; 0 where the answer does not say. */
  readonly epoch: number;
  readonly slots: readonly SlotRange[];
}

/** What one node says of its cluster. */
export interface NodeView {
  /** Where it was asked. */
  readonly asked: string;
  /** Which of the nodes it is itself; null where the answer does not say. */
  readonly self: string | null;
  readonly nodes: readonly SeenNode[];
  /** What is wrong with its answer, and was left out. */
  readonly faults: readonly string[];
}
