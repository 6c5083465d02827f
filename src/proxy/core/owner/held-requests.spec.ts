import { expect, it } from 'vitest';
import type { Exchange } from '../../http/exchange.ts';
import { HeldRequests } from './held-requests.ts';

const MOST = 160;

function newRequest(clientGroup: string): Exchange {
  const request = { clientGroup, clientConnection: {}, waitIn: () => {} };
  return request as unknown as Exchange;
}

it('leaves places to others however many requests of one client wait for their owner', () => {
  const held = new HeldRequests(
    MOST,
    () => 0,
    () => {},
  );
  const add = (client: string, count: number): number =>
    Array.from({ length: count }, () => held.hold(newRequest(client), '', 1000)).filter(Boolean).length;
  expect(add('one', 1000)).toBeLessThanOrEqual((MOST * 15) / 16);
  expect(add('another', 8)).toBe(8);
  expect(held.count).toBeLessThanOrEqual(MOST);
  held.stop();
});
