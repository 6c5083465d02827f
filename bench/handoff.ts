/**
 * `npm run bench:handoff`: planned changes of a cluster with three routers and five shards that give up what they lose. How long
 * the calls take whose keys move while they are made.
 *
 *   node bench/handoff.ts [--changes 200] [--store embedded|etcd] [--watchers 0]
 */
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { carryOut, planMembers } from '../test/chaos/changes.ts';
import { Caller, type ClientSetup, openGrpcWatch, Watcher } from '../test/chaos/clients/index.ts';
import type { Call, Change } from '../test/chaos/history.ts';
import { KeywayWorld } from '../test/chaos/keyway-world.ts';
import { Scope } from '../test/support/processes.ts';
import { seeded } from '../test/support/random.ts';

const { values } = parseArgs({
  options: {
    changes: { type: 'string', default: '200' },
    store: { type: 'string', default: 'embedded' },
    watchers: { type: 'string', default: '0' },
  },
});
const KEYS = Array.from({ length: 200 }, (_, i) => `p/d${i}`);
const CALLERS = 8;
const THINK_MS = 40;
/** As many as there always are. */
const FEWEST_SHARDS = 3;
const BETWEEN_MS = 700;
/** The first changes of a process' life are compiled while they are made. */
const WARM_UP = 10;

function quantiles(numbers: readonly number[]): string {
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = (q: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN).toFixed(1);
  return `${sorted.length} | ${at(0.5)} ms | ${at(0.9)} ms | ${at(0.99)} ms | ${at(1)} ms`;
}

async function main(scope: Scope): Promise<void> {
  const store = values.store === 'etcd' ? 'etcd' : 'embedded';
  const world = await KeywayWorld.start(scope, { store, routers: 3, shards: 4 });
  const endpoints = world.routers.map(({ endpoint }) => endpoint);
  const setup: ClientSetup = {
    endpoints,
    keys: KEYS,
    thinkMs: THINK_MS,
    randomOf: (client) => seeded(client),
    isVaried: false,
    mostDelayMs: 0,
  };
  const callers = Array.from({ length: CALLERS }, (_, i) => new Caller(i, setup));
  const watchers = Array.from(
    { length: Number(values.watchers) },
    (_, i) => new Watcher(CALLERS + i, KEYS[i % KEYS.length] as string, setup, openGrpcWatch),
  );
  const running = [...callers, ...watchers].map((client) => client.run());
  const random = seeded(1);
  const changes: Change[] = [];
  while ((await world.missing()) !== null) await pause(50);
  await pause(2000);
  while (changes.length < WARM_UP + Number(values.changes)) {
    const before = await world.topology();
    changes.push(await carryOut(world, before, planMembers(before, world, random, FEWEST_SHARDS), KEYS));
    await pause(BETWEEN_MS);
  }
  for (const client of [...callers, ...watchers]) client.stop();
  await Promise.all(running);
  for (const caller of callers) caller.close();
  const calls = callers.flatMap((caller) => caller.calls);
  changes.splice(0, WARM_UP);
  const took = ({ begin, end }: Call): number => end - begin;
  const isMoving = (call: Call, { begin, end, moved }: Change): boolean =>
    call.begin < end && begin < call.end && moved.includes(call.key);
  const moving = calls.filter((call) => changes.some((change) => isMoving(call, change)));
  const others = calls.filter((call) => !moving.includes(call));
  const longest = changes.map((change) => Math.max(0, ...calls.filter((call) => isMoving(call, change)).map(took)));
  const tell = (line: string): boolean => process.stdout.write(`${line}\n`);
  tell(
    `${changes.length} changes, ${calls.filter(({ error }) => error !== null).length} of ${calls.length} calls failed\n`,
  );
  tell('| | number | p50 | p90 | p99 | most |');
  tell('| --- | --- | --- | --- | --- | --- |');
  tell(`| calls while their keys move | ${quantiles(moving.map(took))} |`);
  tell(`| of each change the longest | ${quantiles(longest)} |`);
  tell(`| all other calls | ${quantiles(others.map(took))} |`);
  tell(`| a change, from its command to its end | ${quantiles(changes.map(({ begin, end }) => end - begin))} |`);
}

const scope = new Scope();
try {
  await main(scope);
} finally {
  await scope.release();
}
