import { expect, it } from 'vitest';
import { StubRequest } from '../../../../test/support/stub-request.ts';
import { HeldRequests } from './held-requests.ts';

const MOST = 160;

it('leaves places to others however many requests of one client wait for their owner', () => {
  const held = new HeldRequests(
    MOST,
    () => 0,
    () => {},
  );
  const add = (client: string, count: number): number =>
    Array.from({ length: count }, () => held.hold(new StubRequest({ clientGroup: client }), '', 1000)).filter(Boolean)
      .length;
  expect(add('one', 1000)).toBeLessThanOrEqual((MOST * 15) / 16);
  expect(add('another', 8)).toBe(8);
  expect(held.count).toBeLessThanOrEqual(MOST);
  held.stop();
});
