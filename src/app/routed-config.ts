import type { Config, ConfiguredRegistry } from '../config/index.ts';
import type { RoutedCluster, RouterThreads } from '../proxy/index.ts';

/** Which clusters are routed to, and where the router that does so is registered. */
export interface RoutedConfig extends Pick<Config, 'listen' | 'admin' | 'clusters'> {
  /** Null where no cluster comes from one. */
  readonly registry: (Omit<ConfiguredRegistry, 'keepIn'> & { readonly keepIn: string | null }) | null;
}

/** The threads that route to them. */
export type RoutingThreads = Pick<RouterThreads, 'publish' | 'settled' | 'moving' | 'isQuiet' | 'gone' | 'emptied'>;

/** What another config makes of a router's clusters, once their tables are built. */
export interface PreparedClusters {
  readonly routed: readonly RoutedCluster[];
  /** The threads route by it. */
  apply(): void;
  /** They do not. */
  discard(): void;
}
