import { Resolver } from 'node:dns/promises';
import { pausesBy } from '../../runtime/pause.ts';
import { byId, type FoundShard, type ShardSource } from '../found-shards.ts';

/** What is asked of the DNS. */
export interface DnsQuery {
  /** A name of SRV records, or of the addresses of a headless service. */
  readonly name: string;
  /** Null: SRV records, which have ports of their own; else addresses, all with this port. */
  readonly port: number | null;
  readonly refreshMs: number;
  /** `host:port` of a server to ask; the system's where it is not given. */
  readonly server?: string | undefined;
  /** Between 0 and 1; spreads refreshes. */
  readonly random: () => number;
}

/** Refreshes are spread by this share, so that many do not ask at once. */
const REFRESH_JITTER = 0.2;

/**
 * Shards from the DNS, asked again and again. With SRV records a shard's id is the first label of its target, which for a pod
 * of a StatefulSet is the pod's name: another address of the same pod moves no key. Addresses alone have no names: their ids
 * are the addresses. An answer that fails, or is empty, is reported, and changes nothing.
 */
export function dnsSource({ name, port, refreshMs, server, random }: DnsQuery): ShardSource {
  const pause = pausesBy(random);
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  if (server !== undefined) resolver.setServers([server]);
  const ask = port === null ? () => fromSrv(resolver, name) : () => fromAddresses(resolver, name, port);
  return async function* (signal, onFault) {
    let last = '';
    while (!signal.aborted) {
      try {
        const shards = await ask();
        const text = JSON.stringify(shards);
        if (shards.length === 0) onFault(`${name} has no records`);
        else if (text !== last) yield shards;
        if (shards.length > 0) last = text;
      } catch (error) {
        onFault(`${name} cannot be resolved: ${(error as NodeJS.ErrnoException).code ?? error}`);
      }
      await pause(refreshMs, signal, REFRESH_JITTER);
    }
  };
}

async function fromSrv(resolver: Resolver, name: string): Promise<FoundShard[]> {
  const records = await resolver.resolveSrv(name);
  return records
    .map(({ name: target, port }) => ({ id: target.split('.', 1)[0] as string, address: `${target}:${port}` }))
    .sort(byId);
}

async function fromAddresses(resolver: Resolver, name: string, port: number): Promise<FoundShard[]> {
  const addresses = await resolver.resolve4(name);
  return addresses.map((each) => ({ id: each.replaceAll('.', '-'), address: `${each}:${port}` })).sort(byId);
}
