import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ClientReadableStream, credentials, type Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { DocumentsClient, type LoggedOperation, type WatchEvent } from '../../src/shard/index.ts';
import { startRouter } from '../support/cluster.ts';
import { Commands } from '../support/commands.ts';
import { keyed } from '../support/echo-backend.ts';
import { freePorts, type Running, Scope } from '../support/processes.ts';
import { PATIENCE, served } from '../support/registries.ts';

const scope = new Scope();
afterEach(() => scope.release());

type Answered = (error: ServiceError | null, answer: never) => void;
type Unary = (request: object, metadata: Metadata, answered: Answered) => void;
type ServerStream = (request: object, metadata: Metadata) => ClientReadableStream<WatchEvent>;

/** Nothing is due while a test lasts, but for what it orders. */
const RARE = { cron: '0 0 29 2 *' };
let registry = '';
let commands: Commands;
let folder = '';

beforeEach(async () => {
  registry = (await served(scope)).address;
  commands = new Commands(registry);
  folder = scope.folder();
});

interface ShardUnderTest {
  readonly id: string;
  readonly port: number;
  readonly metrics: number;
  readonly process: Running;
}

async function startShards(ids: readonly string[], settings: object): Promise<ShardUnderTest[]> {
  const file = scope.file('housekeeping.yaml', stringify(settings));
  const ports = await freePorts(2 * ids.length);
  const shards = ids.map((id, i) => {
    const [port, metrics] = [ports[2 * i], ports[2 * i + 1]] as [number, number];
    const where = ['--listen', `127.0.0.1:${port}`, '--data', join(folder, 'documents.sqlite')];
    const part = ['--cluster', 'docs', '--registry', registry, '--housekeeping', file];
    const log = ['--operation-log', logOf(id), '--metrics', `127.0.0.1:${metrics}`];
    return { id, port, metrics, process: scope.keyway(['backend', '--id', id, ...where, ...part, ...log]) };
  });
  const addresses = shards.map(({ id, port }) => `${id}=127.0.0.1:${port}`).join(',');
  await commands.done('cluster', 'create', 'docs', '--shards', addresses);
  await Promise.all(shards.map(({ process }) => process.printed(/listening on/)));
  return shards;
}

const logOf = (shard: string): string => join(folder, `${shard}.jsonl`);

function logged(shard: string): LoggedOperation[] {
  const lines = readFileSync(logOf(shard), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as LoggedOperation);
}

/** A client of a router in front of the shards. */
async function clientOf() {
  const router = await startRouter(scope, { shards: [], registry: { remote: { address: registry } } });
  const client = new DocumentsClient(router.endpoint, credentials.createInsecure());
  scope.defer(() => client.close());
  const call = <Answer>(method: string, key: string, request: object, session?: string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const metadata = keyed(key);
      if (session !== undefined) metadata.set('x-session', session);
      (client[method] as Unary).call(client, request, metadata, (error: ServiceError | null, answer: Answer) =>
        error === null ? resolve(answer) : reject(error),
      );
    });
  return { endpoint: router.endpoint, client, call };
}

const tasks = (...names: string[]): Promise<void> =>
  vi.waitFor(async () => {
    const listed = await commands.done('housekeeping', 'list');
    for (const name of names) expect(listed).toMatch(new RegExp(`^${name} .* [1-9]\\d* +0 `, 'm'));
  }, PATIENCE);

it('compacts, expires and ends what is due, on the order of a person, and says what came of it', async () => {
  const settings = {
    projectsEvery: '100ms',
    tasks: {
      compaction: { ...RARE, leastChanges: 10, keptChanges: 2 },
      sessions: { ...RARE, idle: '1ms' },
      tombstones: { ...RARE, after: '1s' },
      expiry: RARE,
    },
  };
  const [first] = (await startShards(['s0', 's1'], settings)) as [ShardUnderTest];
  const { call, client } = await clientOf();
  for (let i = 0; i < 12; i++) await call('Put', 'a/many', { key: 'a/many', value: Buffer.from(`${i}`) });
  await call('Put', 'b/short', { key: 'b/short', value: Buffer.from('v'), ttlMs: 1 });
  const { id } = await call<{ id: string }>('OpenSession', 'a', { project: 'a', client: 'somebody' });
  await call('Get', 'a/many', { key: 'a/many' }, id);
  const events: WatchEvent[] = [];
  const watch = (client.Watch as ServerStream).call(client, { key: 'b/short' }, keyed('b/short'));
  watch.on('data', (event: WatchEvent) => events.push(event)).on('error', () => {});
  await vi.waitFor(() => expect(events).toHaveLength(1), PATIENCE);
  await tasks('compaction', 'sessions', 'tombstones', 'expiry');

  expect(await commands.done('housekeeping', 'run', 'compaction', '--project', 'a')).toBe(
    'compaction: 1 run, 1 checked, 10 changed\n',
  );
  expect(await commands.done('housekeeping', 'run', 'compaction')).toMatch(/^compaction: 2 runs, 2 checked, 0 changed/);
  expect(await commands.done('housekeeping', 'run', 'sessions')).toBe('sessions: 2 runs, 1 checked, 1 changed\n');
  await expect(call('Get', 'a/many', { key: 'a/many' }, id)).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
  expect(await commands.done('housekeeping', 'run', 'expiry')).toMatch(/^expiry: 2 runs, \d checked, 1 changed/);
  await expect(call('Get', 'b/short', { key: 'b/short' })).rejects.toMatchObject({ code: status.NOT_FOUND });
  await vi.waitFor(() => expect(events.map(({ kind }) => kind)).toEqual(['SNAPSHOT', 'DELETE']), PATIENCE);
  watch.cancel();

  const history = (await commands.done('housekeeping', 'history', '--json'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(history).toHaveLength(7);
  expect(history[0]).toMatchObject({ task: 'expiry', outcome: 'done' });
  expect(await commands.done('housekeeping', 'history', 'compaction', '--project', 'a', '--limit', '1')).toMatch(
    /compaction {2}project\/a .* done {5}1 +0/,
  );
  const text = await (await fetch(`http://127.0.0.1:${first.metrics}/metrics`)).text();
  expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
  expect(text).toMatch(/^keyway_housekeeping_leader\{election="housekeeping\/default\/docs\/shard\/s0"\} 1$/m);
  expect(text).toMatch(/^keyway_housekeeping_units [1-9]/m);
  expect(text).toMatch(/^keyway_housekeeping_runs_total\{task="expiry",outcome="done"\} 1$/m);
  // Each write bore the token of its run.
  const lines = ['s0', 's1'].flatMap(logged);
  const runs = lines.flatMap((line) => (line.kind === 'run' ? [`${line.unit} ${line.token}`] : []));
  expect(runs.length).toBe(7);
  for (const line of lines) if (line.kind === 'write') expect(runs).toContain(`${line.unit} ${line.token}`);
});

it('says what is wrong with an order', async () => {
  await startShards(['s0'], { tasks: { expiry: RARE } });
  await tasks('expiry');
  expect(await commands.run('housekeeping', 'run', 'sweeping')).toMatchObject({
    code: 2,
    error: 'keyway: there is no task sweeping; there are compaction, expiry, optimize, sessions, tombstones\n',
  });
  expect(await commands.run('housekeeping', 'run', 'expiry', '--project', 'a')).toMatchObject({
    code: 2,
    error: 'keyway: expiry is carried out for each shard; leave --project out\n',
  });
  expect(await commands.run('housekeeping', 'run', 'compaction', '--project', 'nobody')).toMatchObject({
    code: 2,
    error: 'keyway: nodes have found no project/nobody to carry compaction out for\n',
  });
  expect(await commands.run('housekeeping', 'pause', 'sweeping')).toMatchObject({ code: 2 });
});

it('pauses and resumes tasks', async () => {
  await startShards(['s0'], { tasks: { expiry: { every: '100ms' } } });
  await tasks('expiry');
  expect(await commands.done('housekeeping', 'pause', 'expiry')).toBe('paused: expiry\n');
  expect(await commands.done('housekeeping', 'list')).toMatch(/^expiry +each shard +every 0.1 s +paused/m);
  await vi.waitFor(async () => {
    const count = (): number => logged('s0').filter(({ kind }) => kind === 'run').length;
    const before = count();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(count()).toBe(before);
  }, PATIENCE);
  expect(await commands.done('housekeeping', 'resume', 'expiry')).toBe('nothing is paused\n');
  const before = logged('s0').length;
  await vi.waitFor(() => expect(logged('s0').length).toBeGreaterThan(before), PATIENCE);
});

it('takes over what a killed shard had claimed, once its lease has ended', async () => {
  const quick = { every: '200ms' };
  const lease = { length: '1500ms', renew: '300ms', liveness: '1s' };
  const [first, second] = (await startShards(['s0', 's1'], {
    lease,
    projectsEvery: '100ms',
    projectsBy: 'leader',
    tasks: { compaction: quick, tombstones: false, sessions: false, expiry: false, optimize: false },
  })) as [ShardUnderTest, ShardUnderTest];
  const { call } = await clientOf();
  for (let i = 0; i < 10; i++) await call('Put', `p${i}/d`, { key: `p${i}/d`, value: Buffer.from('v') });
  const runsOf = (shard: string): LoggedOperation[] => logged(shard).filter(({ kind }) => kind === 'run');
  await vi.waitFor(() => expect(runsOf('s0').length + runsOf('s1').length).toBeGreaterThan(20), PATIENCE);
  const leader = runsOf('s0').length > 0 ? first : second;
  const heir = leader === first ? second : first;
  expect(runsOf(heir.id)).toEqual([]);
  await leader.process.end('SIGKILL');
  await vi.waitFor(() => expect(runsOf(heir.id).length).toBeGreaterThan(20), PATIENCE);
  const last = logged(leader.id).at(-1)?.at ?? 0;
  expect(runsOf(heir.id)[0]?.at).toBeGreaterThan(last + 1500 - 300 - 200);
});

it('refuses invalid settings, with file, line and the fix', async () => {
  const file = scope.file('housekeeping.yaml', 'lease:\n  liveness: 20s\ntasks:\n  compction: {}\n');
  const backend = ['backend', '--id', 's0', '--listen', '127.0.0.1:0', '--data', join(folder, 'd.sqlite')];
  const { code, error } = await commands.run(...backend, '--cluster', 'docs', '--housekeeping', file);
  expect(code).toBe(2);
  expect(error).toMatch(/housekeeping\.yaml:2:\d+ lease\.liveness: .*write less than length, 15s/);
  expect(error).toMatch(/housekeeping\.yaml:4:3 tasks\.compction: .* did you mean compaction\?/);
});
