import { afterEach, expect, it, vi } from 'vitest';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { HttpBackend, type Misbehaviour } from './http-backend.ts';
import { type AgentUnderTest, ask, Participants } from './participants.ts';

const scope = new Scope();
afterEach(() => scope.release());

const KEYS = Array.from({ length: 40 }, (_, i) => `d${i}`);
const ELSEWHERE = '127.0.0.1:1';

/** A backend that is the only shard, and serves. */
async function serving(): Promise<{ all: Participants; backend: HttpBackend; agent: AgentUnderTest }> {
  const all = await Participants.start(scope);
  const backend = await HttpBackend.start(scope);
  await all.apply({ s0: backend.address });
  const agent = await all.agent('s0', backend);
  await vi.waitFor(() => expect(backend.serves).toBe(true), PATIENCE);
  return { all, backend, agent };
}

it('calls each step of a change, and says which keys move', async () => {
  const { all, backend } = await serving();
  expect(backend.steps).toEqual(['hello', 'commit 1']);
  const { url } = { url: backend.last('commit')?.ask as string };
  expect(new Set((await ask(url, KEYS))?.lostBy)).toEqual(new Set([0]));
  let atHold: number[] = [];
  backend.misbehaves = (step, call) => {
    // Asked while it holds: what leaves is another shard's already.
    if (step === 'hold') void ask(call.ask, KEYS).then((answer) => (atHold = answer?.lostBy ?? []));
    return false;
  };
  await all.apply({ s0: backend.address, s1: ELSEWHERE });
  // On a busy machine a hold may come too late, and be tried again.
  await vi.waitFor(() => expect(backend.steps.slice(-3)).toEqual(['hold 1', 'commit 2', 'drop 2']), PATIENCE);
  expect(new Set(atHold)).toEqual(new Set([0, 2]));
  expect((await ask(url, KEYS))?.lostBy).toEqual(atHold);
  const hold = backend.last('hold');
  expect([
    hold?.to,
    hold?.moves?.space,
    hold?.moves?.ranges.every(({ from, to }) => from === 's0' && to === 's1'),
  ]).toEqual([2, 'xxHash64', true]);
  const tokens = backend.heard.filter(({ step }) => step !== 'serve').map(({ call }) => call.token);
  // It gains nothing by losing keys.
  expect(new Set(tokens).size).toBe(1);
  await all.apply({ s0: backend.address });
  await vi.waitFor(() => expect(backend.steps.slice(-2)).toEqual(['drop 2', 'commit 3']), PATIENCE);
  expect(backend.last('commit')?.token).toBeGreaterThan(tokens[0] as number);
  const sequences = backend.heard.map(({ call }) => call.sequence);
  expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
});

it('has what it holds released where the change is given up', async () => {
  const { all, backend } = await serving();
  backend.misbehaves = (step) => step === 'hold';
  const change = all.commands.run('topology', 'apply', all.file({ s0: backend.address, s1: ELSEWHERE }));
  // It is never answered, and people give the change up.
  await vi.waitFor(() => expect(backend.steps).toContain('abort 1'), PATIENCE);
  await all.commands.run('topology', 'apply', '--abort', '--cluster', 'docs');
  expect((await change).code).not.toBe(0);
  expect(new Set((await ask(backend.last('commit')?.ask as string, KEYS))?.lostBy)).toEqual(new Set([0]));
  expect([backend.serves, backend.last('commit')?.version]).toEqual([true, 1]);
});

it.each<readonly [string, Misbehaviour, string]>([
  ['never', (step) => step === 'hold', 'hold: there is no answer in time'],
  [
    'with an error',
    (step, _, response) => step === 'hold' && response.writeHead(500).end('broken') !== undefined,
    'hold: it answers 500: broken',
  ],
])('does not report that keys are given up where a hold is answered %s', async (_, misbehaviour, fault) => {
  const { all, backend, agent } = await serving();
  backend.misbehaves = misbehaviour;
  const change = all.commands.run('topology', 'apply', all.file({ s0: backend.address, s1: ELSEWHERE }));
  await vi.waitFor(() => expect(agent.faults).toContain(fault), PATIENCE);
  expect(backend.steps).not.toContain('commit 2');
  // Once it answers as it should, the change goes on.
  backend.misbehaves = () => false;
  expect((await change).code).toBe(0);
  await vi.waitFor(() => expect(backend.steps).toContain('drop 2'), PATIENCE);
});

it('lets a cluster that was deleted be made again only once the backend has nothing under way', async () => {
  const { all, backend } = await serving();
  const releases: Array<() => void> = [];
  let isReleased = false;
  // It serves nothing more at once, and something takes longer to end.
  backend.onFirstCall = () => new Promise((resolve) => releases.push(resolve));
  await all.commands.done('cluster', 'delete', 'docs', '--yes');
  await vi.waitFor(() => expect(backend.steps.slice(2)).toContain('hello'), PATIENCE);
  const made = all.commands.done('cluster', 'create', 'docs', '--shards', `s1=${ELSEWHERE}`).then(() => isReleased);
  for (let i = 0; i < 10; i++) await all.commands.done('cluster', 'list');
  isReleased = true;
  for (const release of releases) release();
  expect(await made).toBe(true);
});

it('repeats a hold that fails ever more rarely', async () => {
  const { all, backend } = await serving();
  let holds = 0;
  backend.misbehaves = (step, _, response) =>
    step === 'hold' && ++holds > 0 && response.writeHead(500).end() !== undefined;
  const change = all.commands.run('topology', 'apply', all.file({ s0: backend.address, s1: ELSEWHERE }));
  // Requests were held in vain twice: for half a second, and for one.
  const aborts = (): number => backend.steps.filter((step) => step === 'abort 1').length;
  await vi.waitFor(() => expect(aborts()).toBeGreaterThanOrEqual(2), PATIENCE);
  const asked = holds;
  backend.misbehaves = () => false;
  expect((await change).code).toBe(0);
  // At intervals of 50 ms it would have been asked thirty times.
  expect(asked).toBeLessThan(15);
});

it('counts on nothing that a backend without answers serves, once its time is over, and has it begin anew', async () => {
  const { all, backend } = await serving();
  backend.misbehaves = () => true;
  await all.apply({ s0: backend.address, s1: ELSEWHERE });
  expect(backend.serves).toBe(false);
  backend.misbehaves = () => false;
  await vi.waitFor(() => expect(backend.serves).toBe(true), PATIENCE);
  expect(backend.steps.slice(-2)).toEqual(['hello', 'commit 2']);
});

it('follows another process of the backend only once the time of the one before is over, with a larger token', async () => {
  const { backend } = await serving();
  const token = backend.last('commit')?.token as number;
  const before = backend.steps.length;
  backend.end();
  await backend.begin();
  await vi.waitFor(() => expect(backend.serves).toBe(true), PATIENCE);
  expect(backend.steps.slice(before)).toEqual(['hello', 'commit 1']);
  expect(backend.last('commit')?.token).toBeGreaterThan(token);
});

it('has the backend begin anew where another agent has called it', async () => {
  const { backend } = await serving();
  const call = backend.last('commit');
  const before = backend.steps.length;
  const intruder = { ...call, agent: 'another', backend: '', sequence: 1, serveUntilMs: 0 };
  await fetch(`${backend.url}/serve`, { method: 'POST', body: JSON.stringify(intruder) });
  expect(backend.serves).toBe(false);
  await vi.waitFor(() => expect(backend.serves).toBe(true), PATIENCE);
  expect(backend.steps.slice(before)).toEqual(['hello', 'hello', 'commit 1']);
});

it('has the backend serve nothing before it leaves, and nobody waits for it then', async () => {
  const { all, backend, agent } = await serving();
  await agent.participant.leave();
  expect(backend.serves).toBe(false);
  await all.apply({ s1: ELSEWHERE });
});

it('takes questions of its own kind only', async () => {
  const { backend } = await serving();
  const url = backend.last('commit')?.ask as string;
  const asked = async (body: string, type = 'application/json'): Promise<number> =>
    (await fetch(url, { method: 'POST', headers: { 'content-type': type }, body })).status;
  expect(await asked('{"keys": ["a"]}', 'text/plain')).toBe(415);
  expect(await asked('{"keys": "a"}')).toBe(400);
  expect(await asked('{')).toBe(400);
  expect(await asked(JSON.stringify({ keys: Array(10_001).fill('a') }))).toBe(400);
  expect((await fetch(`${url}/x`)).status).toBe(404);
});
