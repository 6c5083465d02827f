import type { ClusterLog } from '../../src/controller/leader.ts';

/** What is told of a cluster that is led: the faults are kept, in their order. */
export function collectedFaults(): { readonly log: ClusterLog; readonly faults: string[] } {
  const faults: string[] = [];
  const log = {
    onCommitted: () => {},
    onTold: () => {},
    onEvent: () => {},
    onFault: (message: string) => faults.push(message),
  };
  return { log, faults };
}
