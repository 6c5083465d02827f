import type { LogLevel } from '../../runtime/log.ts';
import type { CoreLimits } from '../core/context.ts';
import type { DrainDescription } from '../core/drain/drain.ts';
import type { Prepared } from '../core/family.ts';
import type { HoldDescription } from '../core/gate/hold.ts';
import type { RoutedCluster } from '../core/owner/cluster-owners.ts';
import type { FamilySettings } from './families.ts';

/** A router's settings that may change while it runs. Plain data. */
export interface RouterSettings<OfFamilies extends object = FamilySettings> {
  readonly clusters: readonly RoutedCluster[];
  readonly limits: CoreLimits;
  readonly drain: DrainDescription;
  readonly hold: HoldDescription;
  readonly logLevel: LogLevel;
  /** Client connections of all threads together: what the process's descriptors leave. */
  readonly maxConnections: number;
  /** By the names of the families. */
  readonly families: OfFamilies;
}

/** Settings for which everything is open, and which nothing uses yet. */
export interface PreparedSettings extends Prepared {
  /** In the order of the addresses. */
  readonly ports: readonly number[];
}
