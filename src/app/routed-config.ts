import type { Config, ConfiguredRegistry } from '../config/index.ts';
import type { RouterThreads } from '../proxy/index.ts';

/** Which clusters are routed to, and where the router that does so is registered. */
export interface RoutedConfig extends Pick<Config, 'listen' | 'admin' | 'clusters'> {
  /** Null where no cluster comes from one. */
  readonly registry: (Omit<ConfiguredRegistry, 'keepIn'> & { readonly keepIn: string | null }) | null;
}

/** The threads that route to them. */
export type RoutingThreads = Pick<RouterThreads, 'publish' | 'settled' | 'moving' | 'isQuiet' | 'gone' | 'emptied'>;
