/** A router's control plane: follows the registry in a thread of its own, and hands over finished tables. */
export { ControlThread } from './control-thread.ts';
export type { ControlEvent } from './topology-source.ts';
