import type { Fields } from '../fields.ts';
import { typeOf } from './bootstrap.ts';

/** How a cluster's load is balanced, in the terms of our config. */
export interface ImportedBalancer {
  /** Null where Envoy has no consistent hash. */
  readonly placement: object | null;
  readonly hashesHostnames: boolean;
}

/** Reads `lb_policy` and its options, or `load_balancing_policy`, which counts where there are both. */
export function readBalancer(cluster: Fields): ImportedBalancer {
  if (cluster.has('load_balancing_policy')) return readExtension(cluster);
  const common = cluster.mapping('common_lb_config').mapping('consistent_hashing_lb_config');
  const hashesHostnames = common.flag('use_hostname_for_hashing');
  const policy = cluster.text('lb_policy') ?? 'ROUND_ROBIN';
  if (policy === 'RING_HASH') return { placement: readRing(cluster.mapping('ring_hash_lb_config')), hashesHostnames };
  if (policy === 'MAGLEV') return { placement: readMaglev(cluster.mapping('maglev_lb_config')), hashesHostnames };
  return { placement: null, hashesHostnames };
}

/** Envoy takes the first policy that it knows. */
function readExtension(cluster: Fields): ImportedBalancer {
  cluster.take('lb_policy');
  const [first] = cluster.mapping('load_balancing_policy').list('policies');
  const extension = first?.mapping('typed_extension_config');
  extension?.take('name');
  const config = extension?.mapping('typed_config');
  const type = typeOf({ '@type': config?.take('@type') });
  if (config === undefined || (type !== 'RingHash' && type !== 'Maglev')) {
    config?.leaveOut('', `${type}: a key has one owner: Keyway does not balance by request`);
    return { placement: null, hashesHostnames: false };
  }
  const common = config.mapping('consistent_hashing_lb_config').flag('use_hostname_for_hashing');
  const hashesHostnames = config.flag('use_hostname_for_hashing') || common;
  return { placement: type === 'Maglev' ? readMaglev(config) : readRing(config), hashesHostnames };
}

function readMaglev(config: Fields): object {
  const tableSize = config.number('table_size');
  return { maglev: tableSize === undefined ? {} : { tableSize } };
}

const HASH_FUNCTIONS: Readonly<Record<string, string>> = {
  DEFAULT_HASH: 'xxHash64',
  XX_HASH: 'xxHash64',
  MURMUR_HASH_2: 'murmurHash2',
};

function readRing(config: Fields): object {
  const minimumRingSize = config.number('minimum_ring_size');
  const maximumRingSize = config.number('maximum_ring_size');
  const name = config.text('hash_function');
  const hashFunction = name === undefined ? undefined : HASH_FUNCTIONS[name];
  if (name !== undefined && hashFunction === undefined) config.leaveOut('hash_function', `there is no ${name}`);
  return {
    ringHash: {
      ...(minimumRingSize !== undefined && { minimumRingSize }),
      ...(maximumRingSize !== undefined && { maximumRingSize }),
      ...(hashFunction !== undefined && { hashFunction }),
    },
  };
}
