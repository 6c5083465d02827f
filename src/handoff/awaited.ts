import {
  type AutonomousRouter,
  autonomousRouterName,
  type Handoff,
  hasAcknowledged,
  type InstanceId,
  instanceText,
  isMemberOf,
  type KnownNode,
  type Member,
  nodeValue,
  qualified,
  routerValue,
  shardsGiveUp,
} from '../registry/index.ts';
import { type TopologyName, topologyText } from '../topology/index.ts';

// What holds: a step is taken once every process that might still do what the step forbids has said that it does not, or is
// over for certain. Processes are told apart by their instances: one speaks for no other of its name, neither the next process of
// a shard nor a router on a host of the same name. A process is over once it has said so, or once its lease has ended and,
// for a shard, the time for which it may serve beyond that (`Failover` sees to it), or once people say so.

/** The routers and nodes that are present, and those that were. */
export interface Participants {
  readonly routers: readonly Member[];
  /** The cluster's nodes that hold leases. */
  readonly nodes: readonly Member[];
  /** The nodes that have to be waited for, lease or no lease. */
  readonly known: readonly KnownNode[];
  /** Routers that are out of sight and would serve what has moved: `blockingRouters`. */
  readonly blocking: readonly AutonomousRouter[];
}

/** The participants that have to act before the next step of a handoff can be taken, as texts for people. */
export function awaitedIn(
  name: TopologyName,
  handoff: Handoff,
  { routers, nodes, known, blocking }: Participants,
): string[] {
  const cluster = topologyText(name);
  const late = routers.filter(({ value }) => {
    const { versions, acknowledged } = routerValue(value);
    return versions[cluster] !== undefined && !hasAcknowledged(acknowledged[cluster], handoff);
  });
  const holding = fencing(handoff, known).filter((node) => {
    const member = nodes.find(isMemberOf(name, node));
    // Without it nothing ends, and nothing waits, for a change that could not be made.
    if (member === undefined) return true;
    return shardsGiveUp(handoff) && !hasAcknowledged(nodeValue(member.value).acknowledged, handoff);
  });
  return [
    ...distinguished(late, (router) => `router ${router.name}`),
    ...blocking.map((router) => `router ${autonomousRouterName(router)}, which is away`),
    ...distinguished(holding, ({ shard }) => `shard ${shard}`),
  ];
}

/** The processes that have to give something up. */
function fencing({ losing, givenUp }: Handoff, known: readonly KnownNode[]): KnownNode[] {
  return known.filter(
    (node) => node.fencing && !node.ended && losing.includes(node.shard) && !givenUp.includes(instanceText(node)),
  );
}

/** By their names; where several have one, by their instances too. */
function distinguished<Process extends { readonly instance: InstanceId }>(
  processes: readonly Process[],
  nameOf: (process: Process) => string,
): string[] {
  const names = processes.map(nameOf);
  return processes.map((process, i) => {
    const name = names[i] as string;
    return names.indexOf(name) === names.lastIndexOf(name) ? name : qualified(name, process.instance);
  });
}
