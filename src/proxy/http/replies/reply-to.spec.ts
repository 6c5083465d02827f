import { expect, it } from 'vitest';
import type { Refusal } from '../../core/refusal.ts';
import { replyTo } from './reply-to.ts';

const cluster = 'docs';

it.each<readonly [Refusal, reason: string, retryAfterMs: number | undefined]>([
  [{ kind: 'no_owner', cluster }, 'no_owner', undefined],
  [{ kind: 'held_too_long', cluster, retryAfterMs: 250 }, 'held', 250],
  [{ kind: 'held_too_many', cluster, retryAfterMs: 250 }, 'held', 250],
  [{ kind: 'no_lease', cluster }, 'no_lease', 1000],
])('answers 503 and UNAVAILABLE to $kind, with the cluster and when to come again', (refusal, reason, retryAfterMs) => {
  const reply = replyTo(refusal);
  expect([reply.refusal, reply.httpStatus, reply.grpcStatus]).toEqual([reason, 503, 14]);
  expect(reply.message).toContain(cluster);
  expect(reply.retryAfterMs).toBe(retryAfterMs);
});

it("tells a router by which version a key is another shard's", () => {
  const reply = replyTo({ kind: 'lost_key', cluster, version: 7 });
  expect([reply.refusal, reply.httpStatus, reply.grpcStatus, reply.lostBy]).toEqual(['lost_key', 421, 9, 7]);
});
