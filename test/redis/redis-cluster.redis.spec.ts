import { afterEach, it } from 'vitest';
import { Scope } from '../support/processes.ts';
import { followMishaps } from './cluster-mishaps.ts';

const scope = new Scope();
afterEach(() => scope.release());

it(
  'follows a failover, a resharding and a rebalancing under load: clients see no word of the cluster, and lose nothing by the router',
  () => followMishaps(scope, 'redis-server'),
  120_000,
);
