import { defaultLimits } from '../../src/http/index.ts';
import {
  defaultDrain,
  defaultHold,
  defaultRouterLimits,
  type RouteDescription,
  type RoutedCluster,
  type RouterSettings,
} from '../../src/proxy/index.ts';

/** All limits, as they are where a config says nothing. */
export const allLimits = { ...defaultLimits, ...defaultRouterLimits };

/** The settings of an HTTP router that has these routes and clusters, and is told nothing else. */
export function routerSettings(
  routes: readonly RouteDescription[],
  clusters: readonly RoutedCluster[],
): RouterSettings {
  return {
    clusters,
    limits: allLimits,
    drain: defaultDrain,
    hold: defaultHold,
    logLevel: 'silent',
    maxConnections: allLimits.maxDownstreamConnections,
    families: { http: { routes, limits: allLimits, observe: {} }, redis: { entries: {} } },
  };
}
