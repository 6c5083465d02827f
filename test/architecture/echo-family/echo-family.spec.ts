import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { namedListeners } from '../../../src/io/index.ts';
import { defaultDrain, defaultHold } from '../../../src/proxy/index.ts';
import { families } from '../../../src/proxy/threads/families.ts';
import { Router } from '../../../src/proxy/threads/router.ts';
import { machineClock } from '../../../src/runtime/machine-clock.ts';
import type { StagedCluster, TopologyVersion } from '../../../src/topology/index.ts';
import { PlainShard, tableOf } from '../../handoff/router-in-process.ts';
import { Scope } from '../../support/processes.ts';
import { PATIENCE } from '../../support/registries.ts';
import { routerSettings } from '../../support/router-settings.ts';
import { readImports } from '../imports.ts';
import { echo } from './echo-family.ts';
import { startEchoShard } from './echo-shard.ts';
import { Lines } from './lines.ts';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const SOURCES = fileURLToPath(new URL('../../../src', import.meta.url));

const scope = new Scope();
afterEach(() => scope.release());

/** A client of the echo, and what it was told. */
class Client {
  readonly received: string[] = [];
  readonly #socket: Socket;

  constructor(port: number) {
    const lines = new Lines((line) => this.received.push(line));
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.on('data', (bytes: Buffer) => lines.receive(bytes, 0, bytes.length));
    scope.defer(() => this.#socket.destroy());
  }

  say(line: string): this {
    this.#socket.write(`${line}\n`);
    return this;
  }

  /** Resolves once it was told so much. */
  async hears(...lines: string[]): Promise<void> {
    await vi.waitFor(() => expect(this.received).toEqual(lines), PATIENCE);
  }
}

let router: Router;
let port: number;
let tables: readonly ReturnType<typeof tableOf>[];

/** A router that speaks HTTP, and echoes beside it on the same address: `moves/…` is s1's by version 1 and s0's by version 2. */
beforeEach(async () => {
  const shards = [await startEchoShard(scope, 's0'), await startEchoShard(scope, 's1')];
  const page = await PlainShard.start(scope, 'page');
  tables = [tableOf(shards, 1, 's1'), tableOf(shards, 2, 's0')];
  const forever = new Float64Array(new SharedArrayBuffer(16)).fill(Number.POSITIVE_INFINITY);
  const settings = routerSettings(
    [{ match: { path: { prefix: '/' } }, cluster: 'pages', shardKey: [{ header: 'x-shard-key' }] }],
    [
      { name: 'pages', upstream: { protocol: 'auto' }, table: tableOf([page, { ...page, id: 's0' }], 1, 'page') },
      { name: 'echoes', upstream: { protocol: 'echo' }, table: tables[0] ?? null, servesUntil: forever },
    ],
  );
  router = await Router.start(
    {
      ...settings,
      drain: { ...defaultDrain, windowMs: 0 },
      hold: { ...defaultHold, requests: 2 },
      families: { ...settings.families, echo: { cluster: 'echoes' } },
      clock: machineClock,
      random: () => 0.5,
      timeOfDay: () => '',
      connections: null,
    },
    [echo, ...families],
  );
  scope.defer(() => router.shutdown(0));
  [port = 0] = await router.listen(namedListeners([{ host: '127.0.0.1', port: 0 }]), false);
});

function begin(step: StagedCluster['step']): Promise<boolean> {
  const [now, next] = tables as [StagedCluster['table'], StagedCluster['table']];
  const to = 2 as TopologyVersion;
  router.publish('echoes', now, {
    to,
    attempt: 1,
    step,
    watchesEnd: 'drain',
    shardsGiveUp: false,
    table: next,
    losing: ['s1'],
  });
  return router.settled('echoes', 1, step);
}

async function page(): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { 'x-shard-key': 'moves/a' } });
  return `${answer.status} ${await answer.text()}`;
}

it('sends each line to the owner of its key, beside HTTP on the same address', async () => {
  await new Client(port).say('stays/a one').say('moves/a two').hears('s0 stays/a one', 's1 moves/a two');
  expect(await page()).toBe('200 page');
  expect(router.counters.shards['echoes/s1']).toMatchObject({
    requests: 1,
    outcomes: [1, 0, 0],
    statuses: { echo_answers: [1, 0], responses: [0, 0, 0, 0] },
  });
  expect(router.counters.shards['pages/page']?.statuses).toMatchObject({
    echo_answers: [0, 0],
    responses: [1, 0, 0, 0],
  });
});

it('ends watches whose keys move, has requests wait during the hold, and sends them to the new owner', async () => {
  const [watch, other] = [new Client(port).say('moves/a watch'), new Client(port).say('stays/a watch')];
  await Promise.all([watch.hears('~s1'), other.hears('~s0')]);
  expect(
    router
      .openStreams(10)
      .map(({ protocol, shard }) => `${protocol} ${shard}`)
      .sort(),
  ).toEqual(['echo s0', 'echo s1']);
  await begin('stage');
  await begin('drain');
  await watch.hears('~s1', 'MOVED');
  watch.say('moves/a watch');
  expect(await begin('hold')).toBe(true);
  const call = new Client(port).say('moves/b hello');
  await vi.waitFor(() => expect(router.counters.holding).toBe(2), PATIENCE);
  expect([call.received, watch.received]).toEqual([[], ['~s1', 'MOVED']]);
  await new Client(port).say('moves/c hello').hears('BUSY echoes');
  await new Client(port).say('stays/b hello').hears('s0 stays/b hello');
  expect(await page()).toBe('200 page');
  router.publish('echoes', tables[1] ?? null, null);
  await call.hears('s0 moves/b hello');
  await watch.hears('~s1', 'MOVED', '~s0');
  expect(other.received).toEqual(['~s0']);
  expect(router.counters.refusals.held_too_many).toBe(1);
});

it('needs nothing of HTTP, and the threads need nothing of HTTP but the line that names it', () => {
  const imports = readImports(SOURCES);
  const naming = [...imports].flatMap(([file, tos]) =>
    file.startsWith('proxy/threads/') && tos.some((to) => to.startsWith('proxy/http/')) ? [file] : [],
  );
  expect(naming).toEqual(['proxy/threads/families.ts']);
  const ofCore = [...imports].flatMap(([file, tos]) => (file.startsWith('proxy/core/') ? tos : []));
  expect(ofCore.filter((to) => to.includes('http'))).toEqual([]);
  const own = readdirSync(FOLDER).filter((file) => !file.endsWith('.spec.ts'));
  for (const file of own)
    expect([file, /from '.*http.*'/.test(readFileSync(join(FOLDER, file), 'utf8'))]).toEqual([file, false]);
});
