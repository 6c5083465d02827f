import {
  type Handoff,
  hasAcknowledged,
  type KnownNode,
  type Member,
  nodeName,
  nodeValue,
  routerValue,
  shardsGiveUp,
} from '../registry/index.ts';
import { type TopologyName, topologyText } from '../topology/index.ts';

/** Who is there, and who was. */
export interface Participants {
  readonly routers: readonly Member[];
  /** The cluster's nodes that hold leases. */
  readonly nodes: readonly Member[];
  /** Those that are to be waited for, lease or no lease. */
  readonly known: readonly KnownNode[];
}

/** Who has to do something before the next step of a handoff can be taken, for people. */
export function awaitedIn(name: TopologyName, handoff: Handoff, { routers, nodes, known }: Participants): string[] {
  const cluster = topologyText(name);
  const late = routers.filter(({ value }) => {
    const { versions, acknowledged } = routerValue(value);
    return versions[cluster] !== undefined && !hasAcknowledged(acknowledged[cluster], handoff);
  });
  const holding = fencing(handoff, known).filter(({ shard, nodeId }) => {
    const member = nodes.find((each) => each.name === nodeName(name, shard, nodeId));
    // Without it nothing ends, and nobody waits, for a change that could not be made.
    if (member === undefined) return true;
    return shardsGiveUp(handoff) && !hasAcknowledged(nodeValue(member.value).acknowledged, handoff);
  });
  return [...late.map((router) => `router ${router.name}`), ...holding.map(({ shard }) => `shard ${shard}`)];
}

/** The nodes that have to give something up. */
function fencing({ losing, lost }: Handoff, known: readonly KnownNode[]): KnownNode[] {
  return known.filter((node) => node.fencing && losing.includes(node.shard) && !lost.includes(node.shard));
}
