import { setTimeout as pause } from 'node:timers/promises';
import { machineClock } from '../../src/runtime/machine-clock.ts';
import type { Scope } from '../support/processes.ts';
import { seeded } from '../support/random.ts';
import { check, type Judgement } from './checker.ts';
import { Caller, type ClientSetup, openGrpcWatch, openSocketWatch, Watcher } from './clients/index.ts';
import { EnvoyWorld } from './envoy-world.ts';
import type { Cut, History } from './history.ts';
import { KeywayWorld, type ShardKinds } from './keyway-world.ts';
import { Excuses, excusedShare } from './rules/disturbed.ts';
import { Storm } from './storm.ts';
import type { Shard, World } from './world.ts';

export interface ChaosOptions {
  /** Tells which faults and changes there are, and in which order; and what each client does. */
  readonly seed: number;
  /** The command that makes the same run again. */
  readonly replay: string;
  readonly seconds: number;
  /** Where Keyway's routers learn of shards; or Envoys in their place, which read a file. */
  readonly store: 'embedded' | 'etcd' | 'envoy';
  readonly shards: ShardKinds;
  readonly callers: number;
  readonly watchers: number;
  readonly thinkMs: number;
  readonly faults: boolean;
  /** Clients that differ, as ClientSetup has it; what they speak Envoys are not set up for. */
  readonly isVaried: boolean;
}

export interface ChaosResult {
  readonly history: History;
  readonly judgement: Judgement;
}

const KEYS = 120;
/** Others have reference shards among them. */
const SPEAK_WEB_SOCKET: readonly ShardKinds[] = ['plain', 'sidecar', 'participant'];
/** One watcher in so many uses a WebSocket, where the shards speak that. */
const SOCKETS_EVERY = 4;
/** An operation of a shard of the tests' own takes at most so long. */
const MAX_DELAY_MS = 500;
/** Of the watches that move by a change, a few at a time: most changes go in several waves. */
const SMALL_WAVES = { streams: 4, pauseMs: 20 };
/** Client `i` has the seed plus 1 plus `i`; this is beyond them. */
const FAULT_SEED = 1_000_000;
/** With fewer a lost one would leave too little to watch. */
const FEWEST_SHARDS = 3;

/** Runs routers, shards and clients through changes and faults, and judges what they wrote down. */
export async function runChaos(
  scope: Scope,
  options: ChaosOptions,
  print: (line: string) => void,
): Promise<ChaosResult> {
  const { store } = options;
  const counts = { routers: 3, shards: 5 };
  const world =
    store === 'envoy'
      ? await EnvoyWorld.start(scope, { ...counts, arePlain: options.shards === 'plain' })
      : await KeywayWorld.start(scope, { store, kinds: options.shards, waves: SMALL_WAVES, ...counts });
  // Until then nothing is promised.
  while ((await world.missing().catch(() => 'the registry')) !== null) await pause(50);
  const keys = Array.from({ length: KEYS }, (_, i) => `p${i % 7}/d${i}`);
  const setup: ClientSetup = {
    endpoints: world.routers.map(({ endpoint }) => endpoint),
    keys,
    thinkMs: options.thinkMs,
    randomOf: (client) => seeded(options.seed + 1 + client),
    isVaried: options.isVaried,
    mostDelayMs: MAX_DELAY_MS,
  };
  const callers = Array.from({ length: options.callers }, (_, i) => new Caller(i, setup));
  const watchers = Array.from({ length: options.watchers }, (_, i) => {
    const speaksWebSocket = options.isVaried && SPEAK_WEB_SOCKET.includes(options.shards);
    const open = speaksWebSocket && i % SOCKETS_EVERY === 0 ? openSocketWatch : openGrpcWatch;
    return new Watcher(options.callers + i, keys[i % keys.length] as string, setup, open);
  });
  const running = [...callers, ...watchers].map((client) => client.run());
  const storm = new Storm({
    world,
    keys,
    random: seeded(options.seed),
    randomFault: seeded(options.seed + FAULT_SEED),
    fewestShards: FEWEST_SHARDS,
    // Clients try to connect now and then: those of a router that was away may not know that it is back.
    hasRecovered: (sinceMs) => callers.every((caller) => caller.hasSucceededSince(sinceMs)),
    print,
    excused: async (disturbances) => {
      const excuses = new Excuses({ disturbances, versions: await world.versions(keys) });
      return excusedShare(
        callers.flatMap(({ calls }) => calls),
        excuses,
      );
    },
  });
  await storm.run(options.seconds, options.faults);
  for (const caller of callers) caller.stop();
  await Promise.all(running.slice(0, callers.length));
  await storm.settle('the end');
  await caughtUp(world, watchers);
  for (const watcher of watchers) watcher.stop();
  await Promise.all(running);
  for (const caller of callers) caller.close();
  const history: History = {
    replay: options.replay,
    operations: world.documents.operations(world.shards),
    calls: callers.flatMap(({ calls }) => calls),
    watches: watchers.map(({ watch }) => watch),
    versions: await world.versions(keys),
    changes: storm.changes,
    disturbances: storm.disturbances,
    stops: [...world.shards, ...world.companions, ...world.routers].flatMap(({ stops }) => stops),
    cuts: world.shards.flatMap(cutsOf),
    plain: world.plain,
    stored: world.documents.stored(),
  };
  return { history, judgement: check(history) };
}

/** What it is cut off from are those that send it requests, unless it takes part: then it is the registry. */
function cutsOf({ id, links }: Shard): Cut[] {
  return links.flatMap(({ from, cable }) =>
    from === 'the registry' ? [] : cable.cuts.map((span) => ({ shard: id, ...span })),
  );
}

/** Without any watcher coming further for so long, the rest never will. */
const GIVES_UP_AFTER_MS = 15_000;

/** Every watcher has seen the last revision of its document. */
async function caughtUp(world: World, watchers: readonly Watcher[]): Promise<void> {
  const last = new Map<string, number>();
  for (const { key, revision } of world.documents.stored()) last.set(key, Math.max(last.get(key) ?? 0, revision));
  const isBehind = ({ key, last: seen }: Watcher): boolean => seen < (last.get(key) ?? 0);
  for (let behind = watchers.filter(isBehind), sinceMs = machineClock(); behind.length > 0; ) {
    await pause(50);
    const still = behind.filter(isBehind);
    if (still.length < behind.length) sinceMs = machineClock();
    else if (machineClock() - sinceMs > GIVES_UP_AFTER_MS) return;
    behind = still;
  }
}
