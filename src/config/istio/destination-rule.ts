import type { Fields } from './fields.ts';

/** How a DestinationRule balances a host's load, in the terms of our config. */
export interface HashPolicy {
  readonly placement: object;
  /** Where the key comes from; undefined where the rule does not say. */
  readonly shardKey: object | undefined;
}

/** Reads a DestinationRule's `spec`: the host, and its consistent hash where it has one. */
export function readDestinationRule(spec: Fields): { host: string; policy: HashPolicy | undefined } {
  const host = spec.text('host') ?? '';
  const traffic = spec.mapping('trafficPolicy');
  let policy = readLoadBalancer(traffic.mapping('loadBalancer'));
  for (const port of traffic.list('portLevelSettings')) {
    const ofPort = readLoadBalancer(port.mapping('loadBalancer'));
    if (policy !== undefined && ofPort !== undefined)
      port.leaveOut('loadBalancer', 'another load balancer of this host was taken: a cluster has one placement');
    else policy = ofPort;
    // A shard's address says its port.
    port.take('port');
    port.finish();
  }
  traffic.finish();
  spec.finish();
  return { host, policy };
}

function readLoadBalancer(balancer: Fields): HashPolicy | undefined {
  if (balancer.has('simple')) balancer.leaveOut('simple', 'a key has one owner: there is no balancing by request');
  const given = balancer.has('consistentHash');
  const hash = balancer.mapping('consistentHash');
  balancer.finish();
  return given ? readConsistentHash(hash) : undefined;
}

function readConsistentHash(hash: Fields): HashPolicy {
  const policy = { placement: readPlacement(hash), shardKey: readKey(hash) };
  hash.finish();
  return policy;
}

function readPlacement(hash: Fields): object {
  if (hash.has('maglev')) {
    const maglev = hash.mapping('maglev');
    const tableSize = maglev.number('tableSize');
    maglev.finish();
    return { maglev: tableSize === undefined ? {} : { tableSize } };
  }
  const ring = hash.mapping('ringHash');
  // Before there was ringHash, the size stood beside the key.
  const minimumRingSize = ring.number('minimumRingSize') ?? hash.number('minimumRingSize');
  ring.finish();
  return { ringHash: minimumRingSize === undefined ? {} : { minimumRingSize } };
}

function readKey(hash: Fields): object | undefined {
  const header = hash.text('httpHeaderName');
  if (header !== undefined) return { header };
  const query = hash.text('httpQueryParameterName');
  if (query !== undefined) return { query };
  if (hash.has('httpCookie')) {
    const cookie = hash.mapping('httpCookie');
    const name = cookie.text('name');
    if (cookie.has('ttl')) cookie.leaveOut('ttl', 'Keyway makes no cookies: a request without it has no key');
    if (cookie.has('path')) cookie.leaveOut('path', 'Keyway makes no cookies');
    cookie.finish();
    return name === undefined ? undefined : { cookie: name };
  }
  return hash.take('useSourceIp') === true ? { clientAddress: true } : undefined;
}
