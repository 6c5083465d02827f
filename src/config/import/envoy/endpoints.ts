import type { Fields } from '../fields.ts';
import { readAddress } from './bootstrap.ts';

/** What stands for a host in Envoy's hash, and the host. */
export interface Endpoint {
  readonly address: string;
  readonly hashKey: string;
  readonly weight: number | undefined;
}

/** Reads a ClusterLoadAssignment, in the order in which Envoy takes its hosts. */
export function readEndpoints(assignment: Fields, hashesHostnames: boolean): Endpoint[] {
  assignment.take('cluster_name');
  const endpoints = assignment.list('endpoints').flatMap((locality) => {
    const isBehind = (locality.number('priority') ?? 0) > 0;
    if (isBehind) {
      locality.leaveOut(
        '',
        'a key has one owner, and no other endpoints replace it: those of priority 0 become the shards',
      );
      return [];
    }
    return locality.list('lb_endpoints').flatMap((each) => readEndpoint(each, hashesHostnames));
  });
  return endpoints.filter(({ hashKey, place }, i) => {
    const isDouble = endpoints.findIndex((other) => other.hashKey === hashKey) < i;
    if (isDouble) place.leaveOut('', `${hashKey} is the key of another endpoint too: the first one gets its keys`);
    return !isDouble;
  });
}

function readEndpoint(each: Fields, hashesHostnames: boolean): Array<Endpoint & { readonly place: Fields }> {
  const weight = each.number('load_balancing_weight');
  const endpoint = each.mapping('endpoint');
  const address = readAddress(endpoint.mapping('address'));
  const hostname = endpoint.text('hostname');
  const own = readHashKey(each);
  if (address === undefined) {
    each.leaveOut('', 'it has no host and port to which Keyway could connect');
    return [];
  }
  const hashed = hashesHostnames ? (hostname ?? address.slice(0, address.lastIndexOf(':'))) : address;
  return [{ address, hashKey: own ?? hashed, weight, place: each }];
}

/** An endpoint's own text to be hashed: `metadata: {filter_metadata: {envoy.lb: {hash_key: …}}}`. */
function readHashKey(each: Fields): string | undefined {
  return each.mapping('metadata').mapping('filter_metadata').mapping('envoy.lb').text('hash_key');
}
