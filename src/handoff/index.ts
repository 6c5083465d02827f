/** Handing keys over from one version to the next: what drives it, and what becomes of lost shards. */

export { awaitedIn } from './awaited.ts';
export { awayRouters, blockingRouters } from './blocking-routers.ts';
export { type ChangeOptions, changeTopology, HandoffAborted } from './change.ts';
export type { ClusterEvent } from './cluster-event.ts';
export { ClusterFollower } from './cluster-follower.ts';
export { type ControllerLog, controlCluster, type Waiting } from './controller.ts';
export { removeDead } from './dead.ts';
export { HandoffDriver, type OnStep } from './driver.ts';
export { makeWay } from './make-way.ts';
export { type GivenUp, giveUpChange, goBack, pauseChange } from './pace.ts';
export type { KeptTopology, TopologyKeeper } from './topology-copy.ts';
