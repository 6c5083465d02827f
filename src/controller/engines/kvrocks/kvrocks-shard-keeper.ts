import { randomBytes } from 'node:crypto';
import type { FoundShard } from '../../../discovery/index.ts';
import { type RespClient, RespClientError, RespLoginRefused, textOf } from '../../../resp/index.ts';
import { formatSlotRanges } from '../../../topology/index.ts';
import { type JoinedNode, type NodeAccess, type PlannedShard, type ShardKeeper, SlotMoveError } from '../../engine.ts';
import { textIn, withNode } from '../ask-node.ts';

/** A node's id has 40 hexadecimal digits. */
const ID_BYTES = 20;

/** Has nodes of Kvrocks join a cluster, and leave it. */
export class KvrocksShardKeeper implements ShardKeeper {
  readonly #access: NodeAccess;

  constructor(access: NodeAccess) {
    this.#access = access;
  }

  /** Its nodes hear of it as well by the topology. */
  async form(shards: readonly PlannedShard[]): Promise<FoundShard[]> {
    const formed: FoundShard[] = [];
    for (const { id, slots, nodes } of shards) {
      const [primary, ...replicas] = (await this.join(nodes)) as [JoinedNode, ...JoinedNode[]];
      formed.push({ id, address: primary.address, nodeId: primary.id, slots: formatSlotRanges(slots), replicas });
    }
    return formed;
  }

  /** Gives them ids. What they are they hear by the topology, once that has them. */
  async join(addresses: readonly string[]): Promise<JoinedNode[]> {
    const joined: JoinedNode[] = [];
    for (const address of addresses) {
      const id = await withNode(this.#access, address, (client) => this.#idOf(client, address));
      joined.push({ id, address });
    }
    return joined;
  }

  async #idOf(client: RespClient, address: string): Promise<string> {
    const version = textIn(await client.ask(['CLUSTERX', 'VERSION']), address);
    if (Number(version) >= 0) throw new SlotMoveError(`${address} is in another cluster, at version ${version}`);
    const scanned = await client.ask(['SCAN', '0', 'COUNT', '1']);
    const [, keys] = scanned.type === 'array' ? scanned.items : [];
    if (keys?.type !== 'array') throw new SlotMoveError(`${address} refuses: ${textOf(scanned)}`);
    if (keys.items.length > 0) throw new SlotMoveError(`${address} is not empty`);
    // Whoever began may have died.
    const known = textIn(await client.ask(['CLUSTERX', 'MYID']), address);
    if (known !== '') return known;
    const id = randomBytes(ID_BYTES).toString('hex');
    textIn(await client.ask(['CLUSTERX', 'SETNODEID', id]), address);
    return id;
  }

  /** The others forget them by the topology, which has them no more. Those that are not empty do not leave either. */
  async forget(left: readonly JoinedNode[]): Promise<readonly string[]> {
    const away: string[] = [];
    for (const { address } of left)
      try {
        await withNode(this.#access, address, async (client) =>
          textIn(await client.ask(['CLUSTER', 'RESET']), address),
        );
      } catch (error) {
        const isAway = error instanceof RespClientError || error instanceof SlotMoveError;
        if (!isAway || error instanceof RespLoginRefused) throw error;
        away.push(address);
      }
    return away;
  }
}
