import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { routerContext } from '../../../../test/support/router-context.ts';
import { ownersAt, StubRequest } from '../../../../test/support/stub-request.ts';
import { position, type StagedCluster, type TopologyVersion } from '../../../topology/index.ts';
import { Gate } from './gate.ts';
import { defaultHold } from './hold.ts';
import type { ServesUntil } from './lease-watch.ts';

let nowMs = 0;

beforeEach(() => {
  nowMs = 0;
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
});
afterEach(() => vi.useRealTimers());

function advance(ms: number): void {
  nowMs += ms;
  vi.advanceTimersByTime(ms);
}

/** A gate with a lease until a time, before a cluster at version 1. */
function newGate(leaseMs: number, open: readonly StubRequest[] = []) {
  const until: ServesUntil = new Float64Array(new SharedArrayBuffer(16));
  until.fill(leaseMs);
  let cuts = 0;
  let passes = 0;
  const ended: unknown[] = [];
  let owners = ownersAt(1);
  const gate = new Gate(
    routerContext(() => nowMs),
    'docs',
    until,
    {
      owners: () => owners,
      visitOpen: async (visit) => {
        passes++;
        for (const request of open) visit(request);
      },
      drain: () => {},
      end: (leavers) => {
        for (const { request } of leavers) {
          ended.push(request);
          (request as StubRequest).isSent = false;
        }
      },
      cut: () => {
        cuts++;
      },
    },
  );
  const serve = (version: number): void => {
    owners = ownersAt(version);
    gate.changed(null, null);
  };
  return { gate, until, serve, ended, cuts: () => cuts, passes: () => passes };
}

function staged(step: StagedCluster['step'], watchesEnd: StagedCluster['watchesEnd'] = 'drain'): StagedCluster {
  return {
    to: 2 as TopologyVersion,
    attempt: 1,
    step,
    watchesEnd,
    shardsGiveUp: false,
    losing: [],
    table: {} as StagedCluster['table'],
  };
}

it('lets a request through at once while the router has its lease', () => {
  const { gate } = newGate(1000);
  expect(gate.admits(new StubRequest())).toBe(true);
  gate.stop();
});

it('has requests wait without a lease, cuts what is in flight, and lets them go once there is one again', () => {
  const { gate, until, cuts } = newGate(1000);
  expect(gate.admits(new StubRequest())).toBe(true);
  advance(1000);
  expect(cuts()).toBe(1);
  const request = new StubRequest();
  expect(gate.admits(request)).toBe(false);
  expect([gate.holds(request), gate.waiting]).toEqual([true, 1]);
  until.fill(10_000);
  advance(200);
  expect([request.proceeded, gate.waiting]).toEqual([1, 0]);
  gate.stop();
});

it('holds what moves, and nothing else, until the change is through', () => {
  const { gate, serve } = newGate(100_000);
  gate.changed(staged('hold'), ownersAt(2));
  const [moves, stays] = [new StubRequest(), new StubRequest({ moves: false })];
  expect([gate.admits(moves), gate.admits(stays)]).toEqual([false, true]);
  serve(2);
  expect([moves.proceeded, moves.owners?.version]).toEqual([1, 2]);
  gate.stop();
});

it('keeps the content of a request whose key is about to move, which its old owner may still refuse', () => {
  const { gate } = newGate(100_000);
  gate.changed(staged('drain'), ownersAt(2));
  const request = new StubRequest();
  expect([gate.admits(request), request.keepsContent]).toEqual([true, true]);
  gate.stop();
});

it('has a request that a shard was ahead of wait until that version is served here', () => {
  const { gate, serve } = newGate(100_000);
  const request = new StubRequest();
  gate.onStale(request, 2);
  expect([request.proceeded, gate.holds(request)]).toEqual([0, true]);
  serve(2);
  expect([request.proceeded, gate.waiting]).toEqual([1, 0]);
  gate.onStale(request, 2);
  expect(request.proceeded).toBe(2);
  gate.stop();
});

it('ends watches next to the commit: until requests are held they go on, and new ones go to the old owner', async () => {
  const { gate, ended, serve } = newGate(100_000);
  const [watch, other] = [new StubRequest({ isWatch: true }), new StubRequest({ isWatch: true, moves: false })];
  gate.changed(staged('drain', 'hold'), ownersAt(2));
  await Promise.resolve();
  for (const each of [watch, other]) {
    expect(gate.admits(each)).toBe(true);
    each.isSent = true;
  }
  expect(await gate.settled(1, 'drain')).toBe(true);
  advance(100);
  expect([ended, gate.movingWatches]).toEqual([[], 1]);
  gate.changed(staged('hold', 'hold'), ownersAt(2));
  expect(ended).toEqual([watch]);
  expect(await gate.settled(1, 'hold')).toBe(true);
  const late = new StubRequest({ isWatch: true });
  expect(gate.admits(late)).toBe(false);
  serve(2);
  expect(late.proceeded).toBe(1);
  gate.stop();
});

it('waits for slow calls before it holds requests, and for no call that has been open for as long as a watch', async () => {
  const { gate, ended } = newGate(100_000);
  gate.changed(staged('drain', 'hold'), ownersAt(2));
  await Promise.resolve();
  const [slow, old] = [new StubRequest(), new StubRequest({ isBeingAnswered: true })];
  for (const each of [slow, old]) {
    gate.admits(each);
    each.isSent = true;
  }
  slow.startedAtMs = 10_000;
  advance(10_200);
  let isDone = false;
  void gate.settled(1, 'drain').then((done) => {
    isDone = done;
  });
  await Promise.resolve();
  expect(isDone).toBe(false);
  slow.isSent = false;
  advance(20);
  await Promise.resolve();
  expect(isDone).toBe(true);
  gate.changed(staged('hold', 'hold'), ownersAt(2));
  expect(ended).toEqual([old]);
  gate.stop();
});

/** A watch that is open, with how often it was asked whether it moves. */
class OpenWatch extends StubRequest {
  asked = 0;

  constructor(keyText: string) {
    super({ keyText, isSent: true, isWatch: true, moves: false });
  }

  get position(): number {
    return position(Buffer.from(this.keyText), 0, this.keyText.length);
  }

  override hasMovedIn(): boolean {
    this.asked++;
    return this.moves;
  }
}

const wave = (attempt: number, until: number): StagedCluster => ({
  ...staged('stage', 'hold'),
  attempt,
  positions: { from: 0, until },
});

it('looks once at all that is under way when a change begins, and for each wave only at what has its positions', async () => {
  const watches = Array.from({ length: 1500 }, (_, i) => new OpenWatch(`key ${i}`));
  const { gate, passes } = newGate(100_000, watches);
  gate.changed(wave(1, 1), ownersAt(2));
  expect(await gate.settled(1, 'stage')).toBe(true);
  const late = Array.from({ length: 1500 }, (_, i) => new OpenWatch(`late ${i}`));
  for (const watch of late) expect(gate.admits(watch)).toBe(true);
  const all = [...watches, ...late];
  for (const watch of all) Object.assign(watch, { asked: 0, moves: watch.position < 0.25 });
  gate.changed(wave(2, 0.25), ownersAt(3));
  expect(await gate.settled(2, 'stage')).toBe(true);
  const first = all.filter((watch) => watch.position < 0.25);
  expect([passes(), gate.movingWatches]).toEqual([1, first.length]);
  expect(all.filter(({ asked }) => asked > 0)).toEqual(first);
  gate.stop();
});

it('looks at all again where a version has become current other than by a handoff, and whenever no change was under way for long', async () => {
  const { gate, serve, passes } = newGate(100_000, [new OpenWatch('k')]);
  const looksAtAll = async (build: number): Promise<boolean> => {
    const before = passes();
    gate.changed(wave(build, 1), ownersAt(build));
    expect(await gate.settled(build, 'stage')).toBe(true);
    return passes() > before;
  };
  expect([await looksAtAll(2), await looksAtAll(3)]).toEqual([true, false]);
  gate.changed(null, null);
  expect(await looksAtAll(4)).toBe(false);
  gate.changed(null, null);
  advance(10_000);
  expect(await looksAtAll(5)).toBe(true);
  serve(6);
  expect(await looksAtAll(7)).toBe(true);
  gate.stop();
});

it('waits in each wave for what is still at a shard that has lost its key before', async () => {
  const stray = new OpenWatch('k');
  stray.moves = true;
  const { gate } = newGate(100_000, [stray]);
  gate.changed(wave(1, 1), ownersAt(2));
  await gate.settled(1, 'stage');
  gate.changed({ ...wave(2, 1), positions: { from: 0, until: 0 } }, ownersAt(3));
  await gate.settled(2, 'stage');
  expect(gate.movingWatches).toBe(1);
  gate.stop();
});

it('keeps most of the room for others where requests wait for a shard that is dead', () => {
  const { gate } = newGate(100_000);
  gate.changed({ ...staged('drain'), lost: ['s0'] }, ownersAt(2));
  const most = defaultHold.requests;
  const dead = Array.from({ length: most }, (_, i) => new StubRequest({ clientGroup: `client ${i}` }));
  for (const request of dead) expect(gate.admits(request)).toBe(false);
  expect([gate.waiting, gate.holds(dead[0] as StubRequest)]).toEqual([most / 4, true]);
  const watch = new StubRequest({ owner: { shard: 's1' }, isWatch: true });
  expect([gate.admits(watch), gate.holds(watch)]).toEqual([false, true]);
  // All others wait as well by now, and for as short a time.
  gate.changed({ ...staged('hold'), lost: ['s0'] }, ownersAt(2));
  const late = new StubRequest({ clientGroup: 'another' });
  expect([gate.admits(late), gate.holds(late)]).toEqual([false, true]);
  gate.changed(null, null);
  expect([watch.proceeded, dead[0]?.proceeded]).toEqual([1, 1]);
  gate.stop();
});
