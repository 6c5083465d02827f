import { expect, it } from 'vitest';
import type { StagedCluster, TopologyVersion } from '../../../topology/index.ts';
import type { Exchange } from '../../http/exchange.ts';
import type { ClusterOwners } from '../../http/routing.ts';
import { Change } from './change.ts';

const NEXT = { build: 2 } as ClusterOwners;

function staged(step: StagedCluster['step'], attempt: number): StagedCluster {
  return {
    to: 2 as TopologyVersion,
    attempt,
    step,
    shardsGiveUp: false,
    losing: [],
    table: {} as StagedCluster['table'],
  };
}

/** A call whose key moves, as far as a change looks at it. */
class Call {
  isSent = true;
  isOpen = true;
  readonly isWatch = false;
  readonly keyText: string;

  constructor(keyText: string) {
    this.keyText = keyText;
  }

  hasMovedIn(): boolean {
    return true;
  }

  ageMs(): number {
    return 0;
  }

  get exchange(): Exchange {
    return this as unknown as Exchange;
  }
}

/** One whose key `k` was held in vain because a call to it took long, which has ended since. */
function heldInVain(): Change {
  const change = new Change(staged('drain', 1), NEXT, 10_000);
  change.seenAll = true;
  const late = new Call('k');
  change.note(late.exchange);
  change.goOn(staged('hold', 1));
  change.goOn(staged('drain', 2));
  late.isSent = false;
  return change;
}

it('has new calls to a key wait that it was held in vain for, until it has waited for others alone for two seconds', () => {
  const change = heldInVain();
  const call = new Call('k').exchange;
  expect(change.hasToWait(call)).toBe(true);
  expect(change.hasToWait(new Call('another').exchange)).toBe(false);
  expect(change.findSlow(1000)).toBe(false);
  expect(change.findSlow(2900)).toBe(false);
  expect(change.findSlow(3000)).toBe(true);
  expect(change.hasToWait(call)).toBe(false);
});

it('counts those two seconds through the steps that are tried meanwhile', () => {
  const change = heldInVain();
  const call = new Call('k').exchange;
  for (let attempt = 2, nowMs = 0; nowMs < 2000; attempt++, nowMs += 900) {
    expect([nowMs, change.findSlow(nowMs)]).toEqual([nowMs, false]);
    change.goOn(staged('hold', attempt));
    change.goOn(staged('drain', attempt + 1));
  }
  expect(change.findSlow(2700)).toBe(true);
  expect(change.hasToWait(call)).toBe(false);
});
