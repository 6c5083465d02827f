import type { HttpLimits } from '../../http/index.ts';
import type { DrainDescription } from '../core/drain/drain.ts';
import type { HoldDescription } from '../core/gate/hold.ts';
import type { ObserveDescription } from '../http/observe/observe.ts';
import type { RouterLimits } from '../http/router-context.ts';
import type { RoutingDescription } from '../http/routing.ts';

/** What a router goes by, and may go by otherwise while it runs. Plain data. Tracing alone stays as it began. */
export interface RouterSettings {
  readonly routing: RoutingDescription;
  readonly limits: HttpLimits & RouterLimits;
  readonly drain: DrainDescription;
  readonly hold: HoldDescription;
  readonly observe: ObserveDescription;
  /** Client connections of all threads together: what the process's descriptors leave. */
  readonly maxConnections: number;
}

/** Settings for which everything is open, and by which nothing goes yet. */
export interface PreparedSettings {
  /** In the order of the addresses. */
  readonly ports: readonly number[];
  /** The next request goes by them. */
  apply(): void;
  /** All stays as it was. */
  discard(): void;
}
