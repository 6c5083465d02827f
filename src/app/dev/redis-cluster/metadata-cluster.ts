import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type EtcdMember, EtcdMembers } from '../../../proxy/index.ts';
import { addressText, type HostPort } from '../../../runtime/address.ts';
import { Program } from './program.ts';
import type { RedisDevOptions } from './redis-dev-options.ts';
import { until } from './until.ts';

/** The ports of AiKv's Raft, and those of an etcd for each. */
const PEER_PORTS = [50051, 50052, 50053];
const CLIENT_PORTS = [2379, 3379, 4379];

/** A member of the metadata cluster. */
export interface MetadataMember {
  /** Its name, and its id. */
  readonly number: number;
  readonly peer: HostPort;
  readonly client: HostPort;
}

export function metadataMembers(host: string): MetadataMember[] {
  return PEER_PORTS.map((port, i) => ({
    number: i + 1,
    peer: { host, port },
    client: { host, port: CLIENT_PORTS[i] as number },
  }));
}

/**
 * Starts an etcd of three members, grown one by one: the first alone; each other one learns at first, and votes once it has caught up. Members that have data go on
 * with that.
 * @param started has them also where one fails
 */
export async function startMetadata(
  members: readonly MetadataMember[],
  options: RedisDevOptions,
  started: Program[],
  stopping: AbortSignal,
): Promise<void> {
  const cluster = new EtcdMembers(members.map(({ client }) => addressText(client)));
  const start = async (member: MetadataMember, before: readonly MetadataMember[]): Promise<void> => {
    stopping.throwIfAborted();
    started.push(await Program.start(programOf(member, before, options)));
  };
  // A majority of those that there are has to be up before anything is answered.
  const known = members.filter(({ number }) => existsSync(folderOf(number, options)));
  for (const member of known.length > 0 ? known : members.slice(0, 1))
    await start(member, members.slice(0, member.number));
  await until('the metadata cluster answers', stopping, async () => (await cluster.list()).length > 0);
  for (const [i, member] of members.entries()) {
    if (i > 0 && known.length <= i) {
      const peerUrl = `http://${addressText(member.peer)}`;
      const listed = await cluster.list();
      if (!listed.some(({ peerUrls }) => peerUrls.includes(peerUrl)))
        await until('a learner is added', stopping, () => cluster.addLearner(peerUrl).then(() => true));
      await start(member, members.slice(0, i + 1));
    }
    await until(`member ${member.number} votes`, stopping, () => votes(cluster, member));
  }
}

function folderOf(number: number, { data }: RedisDevOptions): string {
  return join(data, `metadata-${number}`);
}

function programOf(
  { number, peer, client }: MetadataMember,
  initial: readonly MetadataMember[],
  options: RedisDevOptions,
): Parameters<typeof Program.start>[0] {
  const [clientUrl, peerUrl] = [client, peer].map((address) => `http://${addressText(address)}`) as [string, string];
  return {
    name: `etcd ${number}`,
    command: 'etcd',
    packages: 'etcd 3.4 or later (Debian: etcd-server)',
    log: join(options.data, `metadata-${number}.log`),
    onNews: options.onNews,
    args: [
      ...['--name', String(number), '--data-dir', folderOf(number, options)],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
      ...['--initial-cluster', initial.map((each) => `${each.number}=http://${addressText(each.peer)}`).join(',')],
      ...['--initial-cluster-state', initial.length > 1 ? 'existing' : 'new'],
      ...['--logger', 'zap'],
    ],
  };
}

/** Promotes a member that learns. It is refused until it has caught up. */
async function votes(cluster: EtcdMembers, { number }: MetadataMember): Promise<boolean> {
  const member: EtcdMember | undefined = (await cluster.list()).find(({ name }) => name === String(number));
  if (member === undefined) return false;
  if (member.isLearner) await cluster.promote(member.id);
  return true;
}
