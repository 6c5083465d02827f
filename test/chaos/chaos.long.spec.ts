import { afterEach, expect, it } from 'vitest';
import { Scope } from '../support/processes.ts';
import { runSeed } from '../support/random.ts';
import { runChaos } from './chaos.ts';
import type { ShardKinds } from './keyway-world.ts';

const scope = new Scope();
afterEach(() => scope.release());

const KINDS: readonly ShardKinds[] = ['fencing', 'plain', 'mixed', 'sidecar', 'participant'];

/** A short run; `npm run chaos` makes longer ones. `KEYWAY_SEED` replays one that failed. */
it('keeps every promise while shards come and go, and everything is killed, stopped and cut off', async () => {
  const seed = runSeed();
  const lines: string[] = [];
  const options = {
    seed,
    replay: `KEYWAY_SEED=${seed} npx vitest run test/chaos/chaos.long.spec.ts`,
    // Of shorter ones a single long fault would be a third.
    seconds: 24,
    store: 'embedded',
    shards: KINDS[seed % KINDS.length] as ShardKinds,
    callers: 24,
    watchers: 24,
    thinkMs: 150,
    faults: true,
    isVaried: true,
  } as const;
  const { judgement } = await runChaos(scope, options, (line) => lines.push(line)).catch((error: Error) => {
    throw new Error(`seed ${seed}: ${error.message}\n${lines.join('\n')}`, { cause: error });
  });
  const { violations, counts } = judgement;
  expect({ seed, lines, violations: violations.slice(0, 10) }).toEqual({ seed, lines, violations: [] });
  // A run in which nothing happened would show nothing.
  expect(counts.changes).toBeGreaterThan(1);
  expect(counts.disturbances).toBeGreaterThan(0);
  expect(counts.puts).toBeGreaterThan(200);
  expect(counts.events).toBeGreaterThan(50);
}, 240_000);
