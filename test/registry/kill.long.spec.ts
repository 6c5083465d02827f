import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { SqliteStore } from '../../src/registry/index.ts';
import { type Running, Scope } from '../support/processes.ts';
import { runSeed, seeded } from '../support/random.ts';
import { clock, registryOn } from '../support/registries.ts';

const scope = new Scope();
afterEach(() => scope.release());

const WRITER = fileURLToPath(new URL('./writer.ts', import.meta.url));
const KILLS = 200;
/** At once, each in the same file: a writer is killed while others wait for its transaction. */
const WRITERS = 4;

/** The last version that a writer was told is committed. A line that was cut short by the kill counts for nothing. */
function acknowledged({ output }: Running): number {
  return Number(
    output
      .slice(0, output.lastIndexOf('\n') + 1)
      .trim()
      .split('\n')
      .at(-1) || 0,
  );
}

it(`loses no acknowledged topology and tears none when it is killed ${KILLS} times under write load`, async () => {
  const seed = runSeed();
  const random = seeded(seed);
  const file = join(scope.folder(), 'registry.sqlite');
  const { topologies } = registryOn(new SqliteStore(file, clock), scope);
  let committed = 0;
  const writes = async (writer: number): Promise<void> => {
    const name = { namespace: 'default', cluster: `c${writer}` };
    let last = 0;
    for (let kill = 0; kill < KILLS / WRITERS; kill++) {
      const running = scope.run(process.execPath, [WRITER, file, name.cluster]);
      await running.printed(/\n/);
      await delay(random() * 60);
      await running.end('SIGKILL');
      const acknowledgedVersion = acknowledged(running);
      const topology = await topologies.read(name);
      expect(topology?.version, `seed ${seed}`).toBeGreaterThanOrEqual(acknowledgedVersion);
      expect(topology?.version).toBeLessThanOrEqual(acknowledgedVersion + 1);
      expect(new Set(topology?.shards.map(({ weight }) => weight))).toEqual(new Set([topology?.version]));
      expect(topology?.shards).toHaveLength(20);
      expect(acknowledgedVersion).toBeGreaterThan(last);
      last = topology?.version ?? 0;
    }
    const versions = (await topologies.history(name)).map(({ version }) => version as number);
    expect(versions).toEqual(Array.from(versions, (_, i) => last - i));
    committed += last;
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, i) => writes(i)));
  expect(committed).toBeGreaterThan(KILLS);
}, 300_000);
