/**
 * Commits one version of a cluster after the other, the same shards with another pin, so that every version is whole and new
 * and no key of the load moves.
 *
 *   node bench/support/topology-changer.ts REGISTRY SHARDS PORTS EVERY_MS
 */
import { openRegistry } from '../../src/registry/store/index.ts';
import { machine } from '../../src/runtime/machine-clock.ts';
import { benchTopology } from './bench-topology.ts';

const [registry = '', shards = '', ports = '', everyMs = ''] = process.argv.slice(2);
const { topologies } = openRegistry({ remote: { address: registry } }, machine);
let pin = 0;
setInterval(() => {
  topologies.commit(benchTopology(Number(shards), ports.split(',').map(Number), pin++)).catch((error: unknown) => {
    process.stderr.write(`${error}\n`);
  });
}, Number(everyMs));
