import { expect, it } from 'vitest';
import { StubRequest } from '../../../../test/support/stub-request.ts';
import type { GatedRequest } from './gated-request.ts';
import { RequestsByPosition } from './requests-by-position.ts';

async function visited(requests: RequestsByPosition): Promise<GatedRequest[]> {
  const found: GatedRequest[] = [];
  await requests.visit(undefined, (request) => found.push(request));
  return found;
}

it('visits those that are under way, however they came to be known, and one with several keys at each of them', async () => {
  const requests = new RequestsByPosition();
  const [before, since, isOver] = ['before', 'since', 'over'].map((keyText) => new StubRequest({ keyText }));
  const several = new StubRequest();
  several.forEachKey = (visit) => ['a', 'b'].forEach(visit);
  for (const request of [since, isOver, several]) requests.add(request as StubRequest);
  requests.note(before as StubRequest, false);
  (isOver as StubRequest).isOpen = false;
  const found = await visited(requests);
  expect(found).toHaveLength(4);
  expect(new Set(found)).toEqual(new Set([before, since, several]));
});

it('visits those without keys, whatever the positions', async () => {
  const requests = new RequestsByPosition();
  const request = new StubRequest();
  request.forEachKey = () => {};
  requests.add(request);
  const found: GatedRequest[] = [];
  await requests.visit({ from: 0, until: 1 / 4096 }, (each) => found.push(each));
  expect(found).toEqual([request]);
  request.isOpen = false;
  await requests.visit({ from: 0, until: 1 / 4096 }, (each) => found.push(each));
  expect([found.length, requests.size]).toEqual([1, 0]);
});

it('visits none before those are known that were under way when it began', async () => {
  const requests = new RequestsByPosition();
  const { promise, resolve } = Promise.withResolvers<void>();
  requests.complete = promise;
  const found = visited(requests);
  const request = new StubRequest();
  requests.note(request, false);
  resolve();
  expect(await found).toEqual([request]);
});

it('keeps little of what is over, however many have come, though nobody asks for them', () => {
  const requests = new RequestsByPosition();
  const came: Array<{ isOpen: boolean }> = [];
  for (let i = 0; i < 60_000; i++) {
    const request = { isOpen: true, isSent: false, forEachKey: (visit: (key: string) => void) => visit(`key ${i}`) };
    requests.add(request as unknown as GatedRequest);
    came.push(request);
    // It has been placed by then.
    const over = came[i - 2000];
    if (over !== undefined) over.isOpen = false;
  }
  expect(requests.size).toBeLessThan(30_000);
});
