import type { SharedCluster } from './cluster-table.ts';
import type { PositionRange } from './moving.ts';
import type { TopologyVersion } from './topology.ts';

/** A version that will replace the current one, and how far that has come. Plain data. */
export interface StagedCluster {
  readonly to: TopologyVersion;
  /** Distinguishes one attempt from another: what was done for one says nothing about the next. */
  readonly attempt: number;
  /**
   * `stage`: get to know what moves; `drain`: wait for slow calls that move, and have watches end that do, unless they end later; `hold`: have
   * all requests wait that move, and give up what is lost.
   */
  readonly step: 'stage' | 'drain' | 'hold';
  /** At which of the steps watches end whose keys move: at `drain` over a while, or at `hold` at once. */
  readonly watchesEnd: 'drain' | 'hold';
  /** Whether shards give up what they lose: at hold, once every router has nothing of it in flight any more. */
  readonly shardsGiveUp: boolean;
  readonly table: SharedCluster;
  /** The positions of the keys that move by it; any where it is not given. */
  readonly positions?: PositionRange | undefined;
  /** Shards that lose keys by it, or may. */
  readonly losing: readonly string[];
  /** Those of them that are dead: nothing more is sent to them, and what is under way at them is cut rather than waited for. */
  readonly lost?: readonly string[] | undefined;
}
