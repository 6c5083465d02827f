import { changeTopology, giveUpChange, HandoffAborted, pauseChange } from '../../src/handoff/index.ts';
import { Registry, StoreUnavailable, VersionConflict } from '../../src/registry/index.ts';
import { NAME } from './keyway/setting.ts';
import type { SimulatedProcess } from './machine/process.ts';
import type { PlannedChange } from './plan.ts';
import type { World } from './world.ts';

const RETRY_MS = 100;
/** How long a change is stopped. */
const PAUSE_MS = 300;
const WHO = 'second operator';

/** Somebody else stops a change for a while, or gives it up, whatever comes between. */
export function interrupt(world: World, { interrupted: { by, afterMs } }: PlannedChange): void {
  if (by === 'nothing') return;
  const process = world.newProcess(WHO);
  process.enter(() => {
    const clocks = { clock: process.clock, timeOfDay: () => '', random: Math.random };
    const registry = new Registry(world.storeOf(process), clocks);
    const work = async (): Promise<void> => {
      await wait(afterMs);
      if (by === 'giving up') {
        await giveUp(world, registry, process);
        return;
      }
      await untilDone(() => pauseChange(registry, NAME, true));
      world.log(WHO, 'has the change stop');
      await wait(PAUSE_MS);
      await untilDone(() => pauseChange(registry, NAME, false));
      world.log(WHO, 'has the change go on');
    };
    work()
      .catch((error: unknown) => world.onProcessFault(WHO, error))
      .then(() => registry.close());
  });
}

async function giveUp(world: World, registry: Registry, process: SimulatedProcess): Promise<void> {
  const who = { candidate: WHO, clock: process.clock };
  const given = await untilDone(() => giveUpChange(registry, NAME, 'people have given it up', who));
  world.log(WHO, `gives up ${given === null ? 'nothing' : `version ${given.handoff.to}`}`);
  const back = given?.back;
  if (back == null) return;
  await untilDone(async () => {
    const current = await registry.topologies.read(NAME);
    // Another change has come between, and brought all keys to where it wanted them.
    if (current?.moving === undefined) return;
    await changeTopology(registry, back, { expected: current.version, reason: 'back', lost: given?.lost, ...who });
  });
}

/** The store may be away, and something else come first, such as a lost shard's going. */
async function untilDone<Result>(work: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const isPassing =
        error instanceof StoreUnavailable || error instanceof VersionConflict || error instanceof HandoffAborted;
      if (!isPassing) throw error;
      await wait(RETRY_MS);
    }
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
