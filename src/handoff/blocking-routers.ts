import {
  type AutonomousRouter,
  type AutonomyBasis,
  type KnownNode,
  type Member,
  type Registry,
  topologyDigest,
  UnreadableEntry,
} from '../registry/index.ts';
import {
  isStrict,
  losingShards,
  type Shard,
  servingShards,
  type Topology,
  type TopologyDraft,
  type TopologyName,
} from '../topology/index.ts';
import { fences } from './fences.ts';

/** The nodes and routers that may be in the way of a version. */
interface Bystanders {
  /** Those that have to be waited for, lease or no lease. */
  readonly known: readonly KnownNode[];
  readonly autonomous: readonly AutonomousRouter[];
  readonly routers: readonly Member[];
}

/** The routers that may serve without a lease, and are out of sight. */
export function awayRouters({ autonomous, routers }: Omit<Bystanders, 'known'>): AutonomousRouter[] {
  return autonomous.filter(
    (router) => !routers.some((member) => member.instance === router.instance && member.name === router.name),
  );
}

/**
 * The routers that are out of sight and may serve on without a lease, by a version from which a shard loses a key on
 * the way to another, where that shard would serve them still. A strict version cannot take its place while there is
 * one: it cannot be asked, and no time ends what it may do. That holds for whatever version it knows: one of an
 * eventual cluster, one whose shards all refused what they had lost and do not any more, or one that was made current
 * by force.
 */
export async function blockingRouters(
  registry: Registry,
  name: TopologyName,
  to: TopologyDraft,
  { known, autonomous, routers }: Bystanders,
): Promise<AutonomousRouter[]> {
  const away = awayRouters({ autonomous, routers });
  if (away.length === 0 || !isStrict(to)) return [];
  const current = await registry.topologies.read(name);
  // What may answer at an address by now.
  const placed = [...(current === null ? [] : servingShards(current)), ...servingShards(to)];
  const verdicts = new Map<string, Promise<boolean>>();
  const harms = async (basis: AutonomyBasis): Promise<boolean> => {
    const from = await registry.topologies
      .readVersion(name, basis.version as Topology['version'])
      .catch((error: unknown) => {
        if (error instanceof UnreadableEntry) return null;
        throw error;
      });
    // What it knows is not kept any more.
    if (from === null || topologyDigest(from) !== basis.digest) return true;
    const losing = new Set(losingShards(from, to));
    return servingShards(from).some((shard) => losing.has(shard.id) && mayServe(shard, basis, placed, known));
  };
  const isBlocking = await Promise.all(
    away.map(({ version, digest, fenced }) => {
      const text = `${version} ${digest} ${fenced}`;
      const verdict = verdicts.get(text) ?? harms({ version, digest, fenced });
      verdicts.set(text, verdict);
      return verdict;
    }),
  );
  return away.filter((_, i) => isBlocking[i]);
}

/** Whether what answers at a shard's address may serve a key that the shard has lost. */
function mayServe(
  shard: Shard,
  { fenced }: AutonomyBasis,
  placed: readonly Shard[],
  nodes: readonly KnownNode[],
): boolean {
  if (fences(nodes, shard)) return false;
  // It refused what it had lost, and has gone since: no process is there, unless another has come.
  const isSuccessorThere =
    placed.some((each) => each.address === shard.address && !fences(nodes, each)) ||
    nodes.some((node) => !node.ended && !node.fencing && node.address === shard.address);
  return !fenced || isSuccessorThere;
}
