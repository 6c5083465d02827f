import { expect, it } from 'vitest';
import { Outcome, TrafficCounters } from '../../core/counters.ts';
import {
  countGrpcStatus,
  countReply,
  countReplyEnd,
  countStatus,
  grpcStatuses,
  outcomeOf,
  statusClasses,
} from './statuses.ts';

function counters(): TrafficCounters {
  return new TrafficCounters([statusClasses, grpcStatuses]);
}

it('counts final answers by the class of their status, and no status that HTTP does not have', () => {
  const counted = counters();
  for (const status of [200, 204, 301, 404, 503, 599, 100, 600]) countStatus(counted, status);
  expect(counted.statuses.responses).toEqual([2, 1, 1, 2]);
});

it("counts gRPC's statuses by their numbers, and no number that gRPC does not have", () => {
  const counted = counters();
  for (const status of [0, 0, 14, 16, 17, -1]) countGrpcStatus(counted, status);
  expect(counted.statuses.grpc_responses?.map((count, status) => `${status}: ${count}`)).toEqual(
    expect.arrayContaining(['0: 2', '14: 1', '16: 1']),
  );
  expect(counted.statuses.grpc_responses?.reduce((sum, count) => sum + count)).toBe(4);
});

it.each([
  [200, null, Outcome.Ok],
  [302, null, Outcome.Ok],
  [404, null, Outcome.ClientError],
  [503, null, Outcome.ServerError],
  [200, 0, Outcome.Ok],
  [200, 5, Outcome.ClientError],
  [200, 14, Outcome.ServerError],
  [200, 99, Outcome.ServerError],
  [503, 0, Outcome.ServerError],
] as const)('takes HTTP %i with gRPC status %s for outcome %i', (http, grpc, outcome) => {
  expect(outcomeOf(http, grpc)).toBe(outcome);
});

it("counts an answer of the router's own once, and one that it ends for its end alone", () => {
  const counted = counters();
  countReply(counted, 503, null);
  countReplyEnd(counted, 200, 14);
  expect([counted.statuses.responses, counted.statuses.grpc_responses?.[14], counted.outcomes]).toEqual([
    [0, 0, 0, 1],
    1,
    [0, 0, 2],
  ]);
});
