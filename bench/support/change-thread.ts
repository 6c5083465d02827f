/** Changes a topology in a thread of its own, so that the load beside it is not held up: given a draft, tells each step. */
import { parentPort, workerData } from 'node:worker_threads';
import { changeTopology } from '../../src/handoff/index.ts';
import { openRegistry } from '../../src/registry/store/index.ts';
import { machine } from '../../src/runtime/machine-clock.ts';
import type { TopologyDraft } from '../../src/topology/index.ts';

const registry = openRegistry({ sqlite: { path: workerData as string } }, machine);
parentPort?.on('message', async (draft: TopologyDraft) => {
  const onStep = ({ step }: { step: string }): void => parentPort?.postMessage(step);
  await changeTopology(registry, draft, { reason: 'a benchmark', candidate: 'bench', clock: machine.clock, onStep });
  parentPort?.postMessage('done');
});
