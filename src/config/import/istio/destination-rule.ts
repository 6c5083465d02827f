import type { Fields } from '../fields.ts';
import type { ImportedKey } from '../request-key.ts';
import { fullName } from './hosts.ts';
import type { Resource } from './resources.ts';
import type { Destination } from './virtual-service.ts';

/** A consistent hash, in the terms of our config. */
export interface HashPolicy extends ImportedKey {
  /** Where it stands in Istio's files. */
  readonly place: string;
  readonly placement: object;
}

/** How one host's load is balanced: by port where a port has its own policy, which may be none. */
interface TrafficPolicy {
  readonly base: HashPolicy | null;
  readonly byPort: ReadonlyMap<number, HashPolicy | null>;
}

export interface ImportedRule {
  /** Its full name, where that can be known; it may be a wildcard. */
  readonly host: string;
  readonly policy: TrafficPolicy;
  readonly subsets: ReadonlyMap<string, TrafficPolicy>;
}

export function readDestinationRule({ spec, namespace }: Resource): ImportedRule {
  const host = fullName(spec.text('host') ?? '', namespace);
  const policy = readTrafficPolicy(spec.mapping('trafficPolicy'));
  const subsets = spec.list('subsets').map((subset) => {
    const name = subset.text('name') ?? '';
    if (subset.has('labels'))
      subset.leaveOut('labels', `labels select pods in Kubernetes: list those of ${name} as its shards`);
    const own = subset.has('trafficPolicy') ? readTrafficPolicy(subset.mapping('trafficPolicy')) : policy;
    return [name, own] as const;
  });
  return { host, policy, subsets: new Map(subsets) };
}

function readTrafficPolicy(traffic: Fields): TrafficPolicy {
  const byPort = traffic.list('portLevelSettings').flatMap((settings) => {
    const number = settings.mapping('port').port('number');
    const policy = readLoadBalancer(settings.mapping('loadBalancer'));
    return number === undefined ? [] : [[number, policy] as const];
  });
  return { base: readLoadBalancer(traffic.mapping('loadBalancer')), byPort: new Map(byPort) };
}

function readLoadBalancer(balancer: Fields): HashPolicy | null {
  if (balancer.has('simple')) balancer.leaveOut('simple', 'a key has one owner: Keyway does not balance by request');
  return balancer.has('consistentHash') ? readConsistentHash(balancer.mapping('consistentHash')) : null;
}

function readConsistentHash(hash: Fields): HashPolicy {
  const header = hash.text('httpHeaderName');
  return {
    place: hash.place,
    placement: readPlacement(hash),
    shardKey: header === undefined ? readKey(hash) : { header },
    header: header?.toLowerCase(),
  };
}

function readPlacement(hash: Fields): object {
  if (hash.has('maglev')) {
    const tableSize = hash.mapping('maglev').number('tableSize');
    return { maglev: tableSize === undefined ? {} : { tableSize } };
  }
  // Before there was ringHash, the size stood beside the key.
  const minimumRingSize = hash.mapping('ringHash').number('minimumRingSize') ?? hash.number('minimumRingSize');
  return { ringHash: minimumRingSize === undefined ? {} : { minimumRingSize } };
}

function readKey(hash: Fields): object | undefined {
  const query = hash.text('httpQueryParameterName');
  if (query !== undefined) {
    const moved = 'if letters, digits or -._~ are encoded needlessly, Envoy uses another key';
    hash.change('httpQueryParameterName', `${moved}; and two values of it are refused`);
    return { query };
  }
  if (hash.has('httpCookie')) return readCookie(hash.mapping('httpCookie'));
  return hash.flag('useSourceIp') ? { clientAddress: true } : undefined;
}

function readCookie(cookie: Fields): object | undefined {
  for (const name of ['ttl', 'path', 'attributes'])
    if (cookie.has(name)) cookie.leaveOut(name, 'Keyway does not set cookies: a request without this one has no key');
  const name = cookie.text('name');
  return name === undefined ? undefined : { cookie: name };
}

/** What decides about a destination; null where Istio has no consistent hash for it. */
export function policyFor({ subset, port }: Destination, rule: ImportedRule | undefined): HashPolicy | null {
  if (rule === undefined) return null;
  const { base, byPort } = (subset === undefined ? undefined : rule.subsets.get(subset)) ?? rule.policy;
  // A port with settings of its own has nothing of the host's (Istio's reference, "portLevelSettings").
  if (port !== undefined) return byPort.get(port) ?? (byPort.has(port) ? null : base);
  const ofPorts = [...byPort.values()].filter((policy) => policy !== null);
  const [only, another] = ofPorts;
  return base ?? (another === undefined ? (only ?? null) : null);
}

/** Every policy of a rule. */
export function policiesOf({ policy, subsets }: ImportedRule): Set<HashPolicy> {
  const all = [policy, ...subsets.values()].flatMap(({ base, byPort }) => [base, ...byPort.values()]);
  return new Set(all.filter((each) => each !== null));
}
