/** A router's control plane: follows the registry in a thread of its own, and hands over finished tables. */

export type { ClusterControlEvent, ControlEvent } from './control-event.ts';
export { ControlPlane } from './control-plane.ts';
export {
  type Control,
  type ControlBirth,
  type ControlledCluster,
  type StartControl,
  startControlThread,
} from './control-thread.ts';
export { newServesUntil, type ServesUntil } from './serving-lease.ts';
