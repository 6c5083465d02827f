import { fileURLToPath } from 'node:url';
import { Cable } from '../support/cable.ts';
import type { Running, Scope } from '../support/processes.ts';
import { type Documents, type Link, type Shard, type ShardProcess, Victim } from './world.ts';

const PARTICIPANT_SHARD = fileURLToPath(new URL('participant-shard/main.ts', import.meta.url));
const PLAIN_SHARD = fileURLToPath(new URL('plain-shard/main.ts', import.meta.url));
/** Between these a topology has a plain shard go to and fro. */
const ADDRESSES = 2;

/** A reference shard. @param part how it takes part in a cluster; none where it serves whatever it is asked for */
export function referenceShard(
  scope: Scope,
  id: string,
  address: string,
  documents: Documents,
  part: readonly string[],
  links: readonly Link[],
): Shard {
  const launch = (): Promise<Running> =>
    listening(scope.keyway(['backend', ...whereOf(id, address, documents), ...part]));
  return Object.assign(new Victim(`shard ${id}`, links, launch), { id, addresses: [address] as const });
}

/** A shard that knows nothing of Keyway, with cables in front of it, for it need not know its address. */
export async function plainShard(
  scope: Scope,
  id: string,
  address: string,
  documents: Documents,
  hasFencedStore: boolean,
): Promise<Shard> {
  const cables = await Promise.all(Array.from({ length: ADDRESSES }, () => Cable.to(address)));
  for (const cable of cables) scope.defer(() => cable.close());
  const store = hasFencedStore ? ['--fenced-store'] : [];
  const launch = (): Promise<Running> =>
    listening(scope.run(process.execPath, [PLAIN_SHARD, ...whereOf(id, address, documents), ...store]));
  const links = cables.map((cable): Link => ({ from: 'the routers', cable }));
  const addresses = cables.map((cable) => cable.address) as [string, ...string[]];
  return Object.assign(new Victim(`plain shard ${id}`, links, launch), { id, addresses });
}

/** A shard, and the process beside it without which it does not take part. */
export interface WithCompanion {
  readonly shard: Shard;
  readonly companion: ShardProcess;
}

/** A shard that knows nothing of Keyway, and the sidecar that takes part in its place. @param part how it does in a cluster; @param links of the sidecar */
export async function shardBehindSidecar(
  scope: Scope,
  id: string,
  [backend, listen]: readonly [backend: string, listen: string],
  documents: Documents,
  part: readonly string[],
  links: readonly Link[],
): Promise<WithCompanion> {
  const [inside, outside] = await Promise.all([Cable.to(backend), Cable.to(listen)]);
  for (const cable of [inside, outside]) scope.defer(() => cable.close());
  const launch = (): Promise<Running> =>
    listening(scope.run(process.execPath, [PLAIN_SHARD, ...whereOf(id, backend, documents)]));
  const victim = new Victim(`shard ${id}`, [{ from: 'its sidecar', cable: inside }], launch);
  const watched = ['--watch', '/keyway.shard.v1.Documents/Watch'];
  const where = ['--shard', id, '--listen', listen, '--address', outside.address, '--backend', inside.address];
  const sidecar = new Victim(`sidecar of ${id}`, [...links, { from: 'the routers', cable: outside }], async () => {
    const running = scope.keyway(['sidecar', ...where, ...watched, ...part]);
    await running.printed(/serving on/);
    return running;
  });
  return {
    shard: Object.assign(victim, { id, addresses: [outside.address] as const }),
    companion: Object.assign(sidecar, { id }),
  };
}

/** A shard that takes part by itself, and the agent that tells it of each step. @param links of the agent */
export async function participatingShard(
  scope: Scope,
  id: string,
  [listen, calls]: readonly [listen: string, calls: string],
  documents: Documents,
  part: readonly string[],
  links: readonly Link[],
  isByGrpc: boolean,
): Promise<WithCompanion> {
  const [outside, told] = await Promise.all([Cable.to(listen), Cable.to(calls)]);
  for (const cable of [outside, told]) scope.defer(() => cable.close());
  const how = ['--agent', calls, ...(isByGrpc ? ['--grpc'] : [])];
  const launch = (): Promise<Running> =>
    listening(scope.run(process.execPath, [PARTICIPANT_SHARD, ...whereOf(id, listen, documents), ...how]));
  const shardLinks: readonly Link[] = [
    { from: 'the routers', cable: outside },
    { from: 'its agent', cable: told },
  ];
  const victim = new Victim(`shard ${id}`, shardLinks, launch);
  const url = `${isByGrpc ? 'grpc' : 'http'}://${told.address}`;
  const agent = new Victim(`agent of ${id}`, links, async () => {
    const where = ['--shard', id, '--address', outside.address, '--participant', url];
    const running = scope.keyway(['node', 'register', ...where, ...part]);
    await running.printed(/the node is registered/);
    return running;
  });
  return {
    shard: Object.assign(victim, { id, addresses: [outside.address] as const }),
    companion: Object.assign(agent, { id }),
  };
}

function whereOf(id: string, address: string, documents: Documents): string[] {
  return ['--id', id, '--listen', address, '--data', documents.file, '--operation-log', documents.logOf(id)];
}

async function listening(running: Running): Promise<Running> {
  await running.printed(/listening on/);
  return running;
}
