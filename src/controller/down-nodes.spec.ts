import { expect, it } from 'vitest';
import type { Node, NodeId } from '../topology/index.ts';
import { DownNodes } from './down-nodes.ts';
import type { Sight } from './engine.ts';
import { healthAfter, type NodeHealth } from './health.ts';

const RULES = { intervalMs: 10, failures: 2, longestLoadingMs: 1000 };
const NODE: Node = { id: 'a' as NodeId, shard: 's0', address: 'a:1', follows: null };
const SILENT: Sight = { kind: 'silent', reason: 'ECONNREFUSED' };
const state = {
  role: 'primary',
  follows: null,
  slots: [],
  epoch: 1,
  offset: 1,
  isClusterOk: true,
  link: null,
} as const;
const WELL: Sight = { kind: 'well', state };

it('tells once that a node is dead, and once that it is back', () => {
  const down = new DownNodes();
  let health: NodeHealth | undefined;
  let nowMs = 0;
  const seen = (sight: Sight): string[] => {
    nowMs += 20;
    health = healthAfter(health, sight, nowMs);
    return down.changes([NODE], () => health, RULES, nowMs).map(({ event }) => event);
  };
  expect([WELL, SILENT, SILENT, SILENT, { kind: 'loading' } as const, WELL, WELL].map(seen)).toEqual([
    [],
    [],
    ['node-down'],
    [],
    [],
    ['node-up'],
    [],
  ]);
});
