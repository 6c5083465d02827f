import { type FoundShard, redisSource } from '../../../discovery/index.ts';
import { RespClient, RespClientError, textOf } from '../../../resp/index.ts';
import { splitAddress } from '../../../runtime/address.ts';
import type { FoundCluster, NodeAccess } from '../../engine.ts';

/** How long a look for a cluster's shards may take, by the look's own rules. */
const REFRESH_MS = 1000;

/** A version as Kvrocks writes it. @returns -1 where there is none */
export function versionIn(text: string | undefined): number {
  const version = Number(text ?? Number.NaN);
  return Number.isSafeInteger(version) ? version : -1;
}

/**
 * The cluster as its nodes have been told of it.
 * @param seeds addresses of some nodes
 * @throws Error where none of them says
 */
export async function findCluster(seeds: readonly string[], access: NodeAccess): Promise<FoundCluster> {
  const stopping = new AbortController();
  const faults: string[] = [];
  const { login, certificates, random } = access;
  const query = { seeds, refreshMs: REFRESH_MS, certificates, login, random };
  const onFault = (message: string): void => {
    faults.push(message);
    stopping.abort();
  };
  for await (const shards of redisSource(query, async () => [])(stopping.signal, onFault))
    return { shards, version: await newestAt(shards, access) };
  throw new Error(faults.join('; '));
}

/** The newest version that some nodes have. One that does not answer is told of it later, or found to have a newer one. */
async function newestAt(shards: readonly FoundShard[], access: NodeAccess): Promise<number> {
  const addresses = shards.flatMap(({ address, replicas = [] }) => [address, ...replicas.map((each) => each.address)]);
  return Math.max(0, ...(await Promise.all(addresses.map((address) => versionAt(address, access)))));
}

async function versionAt(address: string, { login, certificates, timeoutMs }: NodeAccess): Promise<number> {
  try {
    const client = await RespClient.connect({ target: splitAddress(address), certificates }, login, timeoutMs);
    const reply = await client.ask(['CLUSTERX', 'VERSION']).finally(() => client.close());
    return versionIn(textOf(reply) ?? undefined);
  } catch (error) {
    if (error instanceof RespClientError) return 0;
    throw error;
  }
}
