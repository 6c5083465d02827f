import type { FoundShard } from '../../../discovery/index.ts';
import { type RespClient, RespClientError, RespLoginRefused } from '../../../resp/index.ts';
import type { Node } from '../../../topology/index.ts';
import {
  AlreadyMember,
  type JoinedNode,
  type NodeAccess,
  type PlannedShard,
  type ShardKeeper,
  SlotMoveError,
} from '../../engine.ts';
import { textIn, withNode } from '../ask-node.ts';
import { isOf, linesOf, meetingOf } from './asked-node.ts';
import { formCluster } from './form-cluster.ts';
import { fieldsOf } from './node-report.ts';

/** Nodes that have met know each other within a second or two. */
const MEETING_MS = 10_000;
const LOOK_MS = 100;

/** Has nodes of Redis or Valkey join a cluster, and leave it. */
export class RedisShardKeeper implements ShardKeeper {
  readonly #access: NodeAccess;
  readonly #pause: (waitMs: number, signal: AbortSignal) => Promise<void>;

  constructor(access: NodeAccess, pause: (waitMs: number, signal: AbortSignal) => Promise<void>) {
    this.#access = access;
    this.#pause = pause;
  }

  form(shards: readonly PlannedShard[], signal: AbortSignal): Promise<FoundShard[]> {
    return formCluster(shards, this.#access, this.#pause, signal);
  }

  async join(addresses: readonly string[], members: readonly Node[], signal: AbortSignal): Promise<JoinedNode[]> {
    const [member] = members.filter(({ follows }) => follows === null);
    if (member === undefined) throw new SlotMoveError('the cluster has no node that could be joined');
    const joined: JoinedNode[] = [];
    const taken = new Set<string>(members.map(({ id }) => id));
    for (const address of addresses) {
      const id = await this.#with(address, async (client) => textIn(await client.ask(['CLUSTER', 'MYID']), address));
      // Addresses do not tell: a server has a name and several addresses.
      if (taken.has(id)) throw new AlreadyMember(address);
      taken.add(id);
      joined.push(
        await this.#with(address, (client) => this.#joinOne(client, { id, address }, member, members, signal)),
      );
    }
    return joined;
  }

  async #joinOne(
    client: RespClient,
    { id, address }: JoinedNode,
    member: Node,
    members: readonly Node[],
    signal: AbortSignal,
  ): Promise<JoinedNode> {
    const knowsMember = async (): Promise<boolean> => (await linesOf(client, address)).some(isOf(member.id));
    if (!(await knowsMember())) {
      const known = fieldsOf(textIn(await client.ask(['CLUSTER', 'INFO']), address)).get('cluster_known_nodes');
      const size = await client.ask(['DBSIZE']);
      if (known !== '1') throw new SlotMoveError(`${address} is in another cluster, of ${known} nodes`);
      if (size.type !== 'integer' || size.value !== 0) throw new SlotMoveError(`${address} is not empty`);
      const meet = await meetingOf(client, address, id);
      textIn(await this.#with(member.address, (asked) => asked.ask(meet)), member.address);
    }
    // A replica can follow whom it knows, and slots can be given to whom all know.
    const primaries = members.filter(({ follows }) => follows === null);
    for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
      const known = await linesOf(client, address);
      const isKnown = (await this.#with(member.address, (asked) => linesOf(asked, member.address))).some(isOf(id));
      if (isKnown && primaries.every((each) => known.some(isOf(each.id)))) return { id, address };
      if (waitedMs >= MEETING_MS || signal.aborted)
        throw new SlotMoveError(`${address} and the cluster's nodes do not know each other yet`);
      await this.#pause(LOOK_MS, signal);
    }
  }

  /** Those that have left first: they would tell the others of themselves again. */
  async forget(left: readonly JoinedNode[], members: readonly Node[]): Promise<readonly string[]> {
    const away: string[] = [];
    for (const { address } of left)
      try {
        await this.#with(address, async (client) => textIn(await client.ask(['CLUSTER', 'RESET']), address));
      } catch (error) {
        if (!(error instanceof RespClientError) || error instanceof RespLoginRefused) throw error;
        away.push(address);
      }
    for (const member of members)
      await this.#with(member.address, async (client) => {
        // An error says that it does not know it.
        for (const { id } of left) await client.ask(['CLUSTER', 'FORGET', id]);
      });
    return away;
  }

  #with<Result>(address: string, ask: (client: RespClient) => Promise<Result>): Promise<Result> {
    return withNode(this.#access, address, ask);
  }
}
