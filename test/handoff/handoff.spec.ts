import {
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  credentials,
  type Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { changeTopology, HandoffDriver } from '../../src/handoff/index.ts';
import { type Membership, type Registry, type RouterValue, routerValue } from '../../src/registry/index.ts';
import { DocumentsClient, type WatchEvent } from '../../src/shard/index.ts';
import { Cluster, checkTopology, type Topology, type TopologyDraft } from '../../src/topology/index.ts';
import { Cable } from '../support/cable.ts';
import { fetchText, metric, type RouterUnderTest, startRouter } from '../support/cluster.ts';
import { answerOf, echoClient, keyed, startEchoBackend } from '../support/echo-backend.ts';
import { freePorts, Scope } from '../support/processes.ts';
import { clock, PATIENCE, registryOn, served } from '../support/registries.ts';

const scope = new Scope();
afterEach(() => scope.release());

type Unary = (...args: unknown[]) => ClientUnaryCall;
type Client = ReturnType<typeof echoClient>;

const NAME = { namespace: 'default', cluster: 'docs' };
const CLUSTER = 'default/docs';
const KEYS = Array.from({ length: 40 }, (_, i) => `p/d${i}`);

function draft(ports: readonly number[], more: object = {}): TopologyDraft {
  const shards = ports.map((port, i) => ({ id: `s${i}`, address: `127.0.0.1:${port}` }));
  return checkTopology({ ...NAME, placement: { fixedRing: {} }, shards, ...more }, 'the test');
}

function ownerOf(topology: TopologyDraft, key: string): string {
  const bytes = Buffer.from(key);
  return topology.shards[new Cluster(topology).locate(bytes, 0, bytes.length)]?.id as string;
}

/** A stream of both ways that its route calls a watch. */
class Watch {
  readonly #stream: ClientDuplexStream<Buffer, Buffer>;
  ended: ServiceError | null = null;
  echoes = 0;

  constructor(client: Client, key: string) {
    this.#stream = (client.bidi as (...args: unknown[]) => ClientDuplexStream<Buffer, Buffer>).call(client, keyed(key));
    this.#stream.on('data', () => this.echoes++);
    this.#stream.on('error', (error: ServiceError) => {
      this.ended = error;
    });
  }

  async echo(): Promise<void> {
    const before = this.echoes;
    this.#stream.write(Buffer.from('x'));
    await vi.waitFor(() => expect(this.echoes).toBe(before + 1), PATIENCE);
  }
}

/** A router that exists in the registry alone, and acknowledges a step when the test says so. */
class SilentRouter {
  readonly #membership: Membership;
  readonly #value: RouterValue = {
    versions: { [CLUSTER]: 1 },
    acknowledged: {},
    admin: { host: '', port: 0 },
    listen: [],
  };

  constructor(registry: Registry) {
    this.#membership = registry.members.register('router', 'silent', this.#value, LONG_MS);
    scope.defer(() => this.#membership.leave());
  }

  get ready(): Promise<void> {
    return this.#membership.ready;
  }

  async acknowledge(registry: Registry, step: 'stage' | 'drain' | 'hold'): Promise<void> {
    const handoff = await vi.waitFor(async () => {
      const now = (await registry.handoffs.read(NAME)).handoff;
      if (now === null || now.step !== step) throw new Error(`at ${now?.step}`);
      return now;
    }, PATIENCE);
    const acknowledged = { [CLUSTER]: { to: handoff.to, attempt: handoff.attempt, step } };
    await this.#membership.update({ ...this.#value, acknowledged });
  }
}

const WATCHES = { routes: [{ match: { prefix: '/' }, cluster: 'docs', watch: ['/test.Echo/Bidi'] }] };
/** A lease that outlives a machine that is busy for seconds. */
const LASTING = '30s';
const LONG_MS = 60_000;
const QUICK = { drain: { window: '100ms', pushback: '100ms' } };

async function echoes(): Promise<{ ports: number[]; registry: Registry; address: string; start: StartRouter }> {
  const store = await served(scope);
  const registry = registryOn(store.open(), scope);
  const backends = [await startEchoBackend(scope, 's0'), await startEchoBackend(scope, 's1')];
  const { address } = store;
  const start: StartRouter = ({ workers = 1, where = address, lease = '2s', config = {} } = {}) =>
    startRouter(scope, {
      shards: [],
      workers,
      registry: { remote: { address: where }, lease },
      ...WATCHES,
      config: { ...QUICK, ...config },
    });
  return { ports: backends.map(({ port }) => port), registry, address, start };
}

type StartRouter = (setup?: {
  workers?: number;
  where?: string;
  lease?: string;
  config?: object;
}) => Promise<RouterUnderTest>;

/** Of a driver that does not take a hold back where a busy machine has a test acknowledge it seconds later. */
const PATIENT = { holdMs: 60_000, restMs: 1000 };

/** Has handoffs driven by this process alone, and patiently. Call it before routers start, each of which drives where it is elected. */
async function drivePatiently(registry: Registry): Promise<void> {
  const ending = new AbortController();
  const term = await registry.elections.campaign(`handoff/${CLUSTER}`, 'the test', LONG_MS, ending.signal);
  const driving = new HandoffDriver(registry, NAME, clock, { timing: PATIENT }).run(ending.signal);
  scope.defer(async () => {
    ending.abort();
    await driving;
    await term?.resign();
  });
}

function change(registry: Registry, to: TopologyDraft): Promise<Topology> {
  return changeTopology(registry, to, { reason: 'a test', candidate: 'test', clock });
}

describe.each([{ workers: 1 }, { workers: 2 }])('a handoff, as a router of $workers workers takes part', ({
  workers,
}) => {
  it('ends watches that move, makes new ones and then calls wait, and releases them to the new owner', async () => {
    const { ports, registry, start } = await echoes();
    await drivePatiently(registry);
    const [before, after] = [draft(ports.slice(0, 1)), draft(ports)];
    await registry.topologies.commit(before);
    const router = await start({ workers, lease: LASTING });
    const silent = new SilentRouter(registry);
    await silent.ready;
    const moving = KEYS.filter((key) => ownerOf(after, key) === 's1');
    const staying = KEYS.filter((key) => ownerOf(after, key) === 's0');
    const [mover, stayer] = [moving[0] as string, staying[0] as string];
    // Each watch on a connection of its own, so that several workers have some.
    const watches = [...moving, ...staying].map((key) => ({
      key,
      watch: new Watch(echoClient(scope, router.endpoint), key),
    }));
    await Promise.all(watches.map(({ watch }) => watch.echo()));
    const client = echoClient(scope, router.endpoint);

    const changing = change(registry, after);
    await silent.acknowledge(registry, 'stage');
    await vi.waitFor(() => {
      for (const { key, watch } of watches) expect(watch.ended !== null).toBe(moving.includes(key));
    }, PATIENCE);
    expect(watches.find(({ key }) => key === mover)?.watch.ended).toMatchObject({
      code: status.UNAVAILABLE,
      details: 'the key moves: docs goes from version 1 to version 2',
    });
    // Calls go to who owns the key still; a watch that comes back waits.
    expect(await answerOf(client, mover)).toBe('s0');
    const again = new Watch(client, mover);
    await vi.waitFor(async () => expect(await metric(router, 'keyway_held_requests')).toBe(1), PATIENCE);

    await silent.acknowledge(registry, 'drain');
    await vi.waitFor(async () => expect(await metric(router, 'keyway_handoff_step{step="hold"}')).toBe(1), PATIENCE);
    const waiting = answerOf(client, mover);
    await vi.waitFor(async () => expect(await metric(router, 'keyway_held_requests')).toBe(2), PATIENCE);
    expect(await answerOf(client, stayer)).toBe('s0');
    expect((await registry.topologies.read(NAME))?.version).toBe(1);

    await silent.acknowledge(registry, 'hold');
    expect((await changing).version).toBe(2);
    expect(await waiting).toBe('s1');
    await again.echo();
    for (const { key, watch } of watches) if (staying.includes(key)) await watch.echo();
    expect(await metric(router, 'keyway_held_requests')).toBe(0);
  });

  it('holds no more than allowed, for no longer than allowed, and releases everything if it is given up', async () => {
    const { ports, registry, start } = await echoes();
    await drivePatiently(registry);
    await registry.topologies.commit(draft(ports.slice(0, 1)));
    const router = await start({ workers, lease: LASTING, config: { hold: { requests: 3, wait: '1m' } } });
    const silent = new SilentRouter(registry);
    await silent.ready;
    const client = echoClient(scope, router.endpoint);
    const after = draft(ports);
    const mover = KEYS.find((key) => ownerOf(after, key) === 's1') as string;
    const changing = change(registry, after).catch((error: Error) => error.message);
    await silent.acknowledge(registry, 'stage');
    await silent.acknowledge(registry, 'drain');
    await vi.waitFor(async () => expect(await metric(router, 'keyway_handoff_step{step="hold"}')).toBe(1), PATIENCE);
    const calls = Array.from({ length: 3 }, () => answerOf(client, mover));
    await vi.waitFor(async () => expect(await metric(router, 'keyway_held_requests')).toBe(3), PATIENCE);
    expect(await answerOf(client, mover)).toBe('UNAVAILABLE');
    expect(await metric(router, 'keyway_refusals_total{reason="held"}')).toBe(1);
    const { handoff } = await registry.handoffs.read(NAME);
    expect(await registry.handoffs.abort(NAME, handoff as NonNullable<typeof handoff>, 'a test')).not.toBeNull();
    expect(await changing).toBe('version 2 of default/docs was given up: a test');
    expect(await Promise.all(calls)).toEqual(['s0', 's0', 's0']);
    expect(await answerOf(client, mover)).toBe('s0');
  });
});

describe('a router that has lost its lease', () => {
  it('stops by its own clock if shards cannot refuse it, before others continue without it', async () => {
    const { ports, registry, address, start } = await echoes();
    await registry.topologies.commit(draft(ports.slice(0, 1)));
    const cable = await Cable.to(address);
    scope.defer(() => cable.close());
    const [cutOff, other] = [await start({ where: cable.address }), await start()];
    const after = draft(ports);
    const mover = KEYS.find((key) => ownerOf(after, key) === 's1') as string;
    const [there, here] = [echoClient(scope, cutOff.endpoint), echoClient(scope, other.endpoint)];
    const watch = new Watch(there, mover);
    await watch.echo();
    cable.cut();
    const changing = change(registry, after);
    // It serves for as long as it may: the change waits.
    expect(await answerOf(there, mover)).toBe('s0');
    await vi.waitFor(() => expect(watch.ended).toMatchObject({ code: status.UNAVAILABLE }), PATIENCE);
    expect((await registry.topologies.read(NAME))?.version).toBe(1);
    expect((await fetchText(`${cutOff.admin}/readyz`)).text).toMatch(
      /^this router has no lease, and may not serve docs/,
    );
    expect((await changing).version).toBe(2);
    expect(await answerOf(here, mover)).toBe('s1');
    const waiting = answerOf(there, mover, 30_000);
    await vi.waitFor(async () => expect(await metric(cutOff, 'keyway_held_requests')).toBe(1), PATIENCE);
    cable.mend();
    expect(await waiting).toBe('s1');
  });

  it('has forgotten nothing if it was stopped for longer than that', async () => {
    const { ports, registry, start } = await echoes();
    await registry.topologies.commit(draft(ports.slice(0, 1)));
    const router = await start({ lease: '1s' });
    const after = draft(ports);
    const mover = KEYS.find((key) => ownerOf(after, key) === 's1') as string;
    const client = echoClient(scope, router.endpoint);
    expect(await answerOf(client, mover)).toBe('s0');
    router.process.child.kill('SIGSTOP');
    expect((await change(registry, after)).version).toBe(2);
    // What was sent to it while it was stopped it finds when it goes on, and its lease gone.
    const calls = Array.from({ length: 20 }, () => answerOf(client, mover, 30_000));
    router.process.child.kill('SIGCONT');
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['s1']));
  });

  it('uses no clock that can be set', async () => {
    const { ports, registry, start } = await echoes();
    await registry.topologies.commit(draft(ports.slice(0, 1)));
    process.env.NODE_OPTIONS = `--import ${new URL('./clock-jump.ts', import.meta.url).href}`;
    // So long that a busy machine does not stop the process for the rest of it.
    const router = await start({ lease: '6s' });
    delete process.env.NODE_OPTIONS;
    const client = echoClient(scope, router.endpoint);
    for (const jumps of [1, 2, 3, 4]) {
      router.process.child.kill('SIGUSR2');
      await router.process.printed(new RegExp(`(the clock jumps by -?\\d+ ms[\\s\\S]*){${jumps}}`));
      expect(await answerOf(client, 'k')).toBe('s0');
    }
    // The control plane's thread jumps twice a second: for longer than the lease is long.
    await router.process.printed(/(the clock jumps by -?\d+ ms[\s\S]*){17}/);
    expect(await answerOf(client, 'k')).toBe('s0');
    const [member] = await registry.members.list('router');
    await vi.waitFor(async () => expect(await metric(router, 'keyway_serving')).toBe(1), PATIENCE);
    expect(routerValue(member?.value ?? {}).versions[CLUSTER]).toBe(1);
    expect(router.process.output).not.toContain('the lease is lost');
  });
});

describe('a shard that takes part', () => {
  async function shards(count: number, more: object = {}, lease = '1s') {
    const store = await served(scope);
    const registry = registryOn(store.open(), scope);
    const { address } = store;
    const ports = await freePorts(count);
    const data = `${scope.folder()}/documents.sqlite`;
    await registry.topologies.commit(draft(ports, more));
    const cables = await Promise.all(ports.map(() => Cable.to(address)));
    const processes = ports.map((port, i) => {
      const where = ['--id', `s${i}`, '--listen', `127.0.0.1:${port}`, '--data', data];
      const part = ['--cluster', 'docs', '--registry', (cables[i] as Cable).address, '--lease', lease];
      return scope.keyway(['backend', ...where, ...part]);
    });
    await Promise.all(processes.map((each) => each.printed(/listening on/)));
    for (const cable of cables) scope.defer(() => cable.close());
    return { registry, address, ports, cables, processes };
  }

  /** Asks a shard itself, as a router of a version does. */
  function get(port: number, key: string, version: string): Promise<ServiceError | null> {
    const client = new DocumentsClient(`127.0.0.1:${port}`, credentials.createInsecure());
    scope.defer(() => client.close());
    return new Promise((resolve) => {
      const metadata = keyed(key, { 'x-keyway-version': version });
      (client.Get as Unary).call(client, { key }, metadata, { deadline: Date.now() + 10_000 }, resolve);
    });
  }

  /** The same, for as long as it does not know the version yet. */
  async function servedAt(port: number, key: string, version: string): Promise<status | undefined> {
    for (;;) {
      const code = (await get(port, key, version))?.code;
      if (code !== status.UNAVAILABLE) return code;
    }
  }

  it('serves what it owns, refuses routers that are behind, and waits if it is behind itself', async () => {
    // A shard that is not given time to renew its lease would refuse for that.
    const { registry, ports } = await shards(2, {}, LASTING);
    const topology = draft(ports);
    const own = KEYS.find((key) => ownerOf(topology, key) === 's0') as string;
    const other = KEYS.find((key) => ownerOf(topology, key) === 's1') as string;
    const [port] = ports as [number];
    await vi.waitFor(async () => expect((await get(port, own, '1'))?.code).toBe(status.NOT_FOUND), PATIENCE);
    const refused = await get(port, other, '1');
    expect(refused?.code).toBe(status.FAILED_PRECONDITION);
    expect(refused?.metadata.get('x-keyway-stale')).toEqual(['1']);
    expect(await get(port, own, '7')).toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringContaining('it is at version 1, and version 7 is asked for'),
    });
    // The shard waits for a few seconds at most, and a change may take longer on a busy machine: then it is asked again.
    const early = servedAt(port, other, '2');
    await change(registry, draft(ports, { pins: [{ prefix: 'p/', shard: 's0' }] }));
    expect(await early).toBe(status.NOT_FOUND);
    expect((await get(ports[1] as number, other, '1'))?.metadata.get('x-keyway-stale')).toEqual(['2']);
  });

  it('lets a router that is cut off continue, and refuses what it has lost; the client waits, and is served', async () => {
    const { registry, ports, address } = await shards(2);
    const cable = await Cable.to(address);
    scope.defer(() => cable.close());
    const router = await startRouter(scope, {
      shards: [],
      registry: { remote: { address: cable.address }, lease: '1s' },
      config: QUICK,
    });
    const topology = draft(ports);
    const client = new DocumentsClient(router.endpoint, credentials.createInsecure());
    scope.defer(() => client.close());
    const put = (key: string): Promise<string> =>
      new Promise((resolve) => {
        let shard = '';
        const onAnswer = (error: ServiceError | null): unknown =>
          setImmediate(() => resolve(error === null ? shard : `${status[error.code]}: ${error.details}`));
        const deadline = { deadline: Date.now() + 30_000 };
        const made = (client.Put as Unary).call(
          client,
          { key, value: Buffer.from('x') },
          keyed(key),
          deadline,
          onAnswer,
        );
        made.on('metadata', (metadata: Metadata) => {
          shard = String(metadata.get('x-keyway-shard')[0]);
        });
      });
    const [stays, moves] = ['s0', 's1'].map((id) => KEYS.find((key) => ownerOf(topology, key) === id)) as [
      string,
      string,
    ];
    expect([await put(stays), await put(moves)]).toEqual(['s0', 's1']);
    cable.cut();
    expect((await change(registry, draft(ports, { pins: [{ key: moves, shard: 's0' }] }))).version).toBe(2);
    // By its lease it would have stopped; by its shards' word it need not.
    expect(await put(stays)).toBe('s0');
    expect(await metric(router, 'keyway_serving')).toBe(1);
    const waiting = put(moves);
    await vi.waitFor(
      async () => expect(await metric(router, 'keyway_stale_refusals_total')).toBeGreaterThan(0),
      PATIENCE,
    );
    cable.mend();
    expect(await waiting).toBe('s0');
  });

  it.each([
    'strict',
    'eventual',
  ] as const)('has its watches opened again by a router that replays them (%s)', async (consistency) => {
    // A shard that is not given time to renew its lease would end the watch.
    const { registry, ports, address } = await shards(2, { consistency }, LASTING);
    const resume = { protobuf: { seen: [2, 3], into: [2], absent: 0 } };
    const router = await startRouter(scope, {
      shards: [],
      registry: { remote: { address } },
      routes: [
        {
          match: { prefix: '/' },
          cluster: 'docs',
          watch: ['/keyway.shard.v1.Documents/Watch'],
          onMove: { how: 'replay', resume },
        },
      ],
      config: QUICK,
    });
    const client = new DocumentsClient(router.endpoint, credentials.createInsecure());
    scope.defer(() => client.close());
    const key = KEYS.find((each) => ownerOf(draft(ports), each) === 's0') as string;
    const put = (): Promise<number> =>
      new Promise((resolve, reject) => {
        const onAnswer = (error: ServiceError | null, answer: { revision: number }): void =>
          error === null ? resolve(answer.revision) : reject(error);
        (client.Put as Unary).call(client, { key, value: Buffer.from('x') }, keyed(key), onAnswer);
      });
    const events: Array<{ kind: string; revision: number }> = [];
    const heads: string[] = [];
    let ended = false;
    const watch = (client.Watch as (...args: unknown[]) => ClientReadableStream<WatchEvent>).call(
      client,
      { key },
      keyed(key),
    );
    watch.on('metadata', (metadata: Metadata) => heads.push(String(metadata.get('x-keyway-shard')[0])));
    watch.on('data', ({ kind, document }: WatchEvent) => events.push({ kind, revision: document.revision }));
    watch.on('error', () => {
      ended = true;
    });
    watch.on('end', () => {
      ended = true;
    });
    const expected = [{ kind: 'SNAPSHOT', revision: 0 }];
    await vi.waitFor(() => expect(events).toEqual(expected), PATIENCE);
    for (const shard of ['s1', 's0', 's1']) {
      expected.push({ kind: 'PUT', revision: await put() });
      const { version } = await change(registry, draft(ports, { consistency, pins: [{ prefix: 'p/', shard }] }));
      // Where two shards may serve at once for a moment, the new owner is not told of what the old one still takes.
      await vi.waitFor(async () => expect(await metric(router, 'keyway_topology_version')).toBe(version), PATIENCE);
      // Puts do not wait for the watch to be there: what it misses it is told of.
      expected.push({ kind: 'PUT', revision: await put() });
      await vi.waitFor(() => expect(events).toEqual(expected), PATIENCE);
    }
    // More often where requests were held in vain, because a process was slow: it then goes back to its old owner first.
    await vi.waitFor(
      async () => expect(await metric(router, 'keyway_drained_streams_total{how="replay"}')).toBeGreaterThanOrEqual(3),
      PATIENCE,
    );
    expected.push({ kind: 'PUT', revision: await put() });
    await vi.waitFor(() => expect(events).toEqual(expected), PATIENCE);
    expect([ended, heads]).toEqual([false, ['s0']]);
    watch.on('error', () => {});
    watch.cancel();
  });

  it('stops serving before it may be taken for dead, and what it owned goes to the others', async () => {
    const { registry, ports, cables } = await shards(3, { failover: { afterMs: 500 } });
    // Somebody has to look: any router does.
    const { address } = cables[1] as Cable;
    await startRouter(scope, { shards: [], registry: { remote: { address } }, config: QUICK });
    const topology = draft(ports);
    const own = KEYS.find((key) => ownerOf(topology, key) === 's0') as string;
    const [port] = ports as [number];
    expect(await get(port, own, '1')).toMatchObject({ code: status.NOT_FOUND });
    cables[0]?.cut();
    await vi.waitFor(async () => expect((await registry.topologies.read(NAME))?.version).toBe(2), PATIENCE);
    expect((await registry.topologies.read(NAME))?.shards.map(({ id }) => id)).toEqual(['s1', 's2']);
    expect(await get(port, own, '1')).toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringContaining('it has lost its lease'),
    });
  });
});
