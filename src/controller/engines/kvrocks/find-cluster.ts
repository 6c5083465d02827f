import { type FoundShard, redisSource } from '../../../discovery/index.ts';
import { RespClientError, textOf } from '../../../resp/index.ts';
import type { FoundCluster, NodeAccess } from '../../engine.ts';
import { withNode } from '../ask-node.ts';

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
    return { shards, version: await newestOf(shards, access) };
  throw new Error(faults.join('; '));
}

/** What a node has been told of its cluster. */
interface ToldNode {
  readonly address: string;
  readonly version: number;
  /** Its CLUSTER NODES. */
  readonly lines: string;
}

/**
 * The newest version that some nodes have. One that does not answer is told of it later, or found to have a newer one.
 * @throws Error where that version has other primaries than what was found: whoever told it was ended before it had told the others
 */
async function newestOf(shards: readonly FoundShard[], access: NodeAccess): Promise<number> {
  const addresses = shards.flatMap(({ address, replicas = [] }) => [address, ...replicas.map((each) => each.address)]);
  const told = (await Promise.all(addresses.map((address) => toldAt(address, access)))).filter((each) => each !== null);
  const version = Math.max(0, ...told.map((each) => each.version));
  const found = shards
    .flatMap(({ nodeId, slots }) => (slots === undefined || slots === '' ? [] : [`${nodeId} ${slots}`]))
    .sort();
  for (const each of told)
    if (each.version === version && version > 0 && ownersIn(each.lines).join() !== found.join())
      throw new Error(
        `${each.address} has version ${version} of the topology, with other owners of slots than most nodes have: tell all nodes the same one first`,
      );
  return version;
}

/** The masters with slots of CLUSTER NODES, and these. */
function ownersIn(lines: string): string[] {
  return lines
    .split('\n')
    .map((line) => line.trim().split(' '))
    .flatMap(([id, , flags = '', , , , , , ...words]) => {
      const slots = words.filter((word) => !word.startsWith('['));
      return flags.split(',').includes('master') && slots.length > 0 ? [`${id} ${slots.join(',')}`] : [];
    })
    .sort();
}

/** @returns null: it does not answer */
async function toldAt(address: string, access: NodeAccess): Promise<ToldNode | null> {
  try {
    return await withNode(access, address, async (client) => {
      const asked = [client.ask(['CLUSTERX', 'VERSION']), client.ask(['CLUSTER', 'NODES'])];
      const [version, lines] = (await Promise.all(asked)).map(
        (reply) => (reply.type === 'error' ? '' : textOf(reply)) ?? '',
      );
      return { address, version: versionIn(version), lines: lines ?? '' };
    });
  } catch (error) {
    if (error instanceof RespClientError) return null;
    throw error;
  }
}
