import type { NodeState, Sight } from './engine.ts';

/** When a node counts as dead. */
export interface ProbeRules {
  readonly intervalMs: number;
  /** So many probes in a row without an answer. */
  readonly failures: number;
  /** It has not served for this long, and loads its data. */
  readonly longestLoadingMs: number;
}

/** What a node's probes have shown so far. */
export interface NodeHealth {
  readonly sight: Sight;
  /** How many probes in a row have not found the node. */
  readonly misses: number;
  /** When the first of these was begun; without meaning where there is none. */
  readonly missingSinceMs: number;
  /** When it was last well, or first looked at. */
  readonly wellAtMs: number;
  /** What it said then; null: it was never well. */
  readonly last: NodeState | null;
  /** Since when every probe has found it to be a primary; null: the last one has not. */
  readonly primarySinceMs: number | null;
}

/** @param askedMs when the probe was begun */
export function healthAfter(before: NodeHealth | undefined, sight: Sight, askedMs: number): NodeHealth {
  const isMissed = sight.kind === 'silent' || sight.kind === 'uninitialised' || sight.kind === 'blank';
  const misses = isMissed ? (before?.misses ?? 0) + 1 : 0;
  const isWell = sight.kind === 'well';
  return {
    sight,
    misses,
    missingSinceMs: misses > 1 ? (before?.missingSinceMs ?? askedMs) : askedMs,
    wellAtMs: isWell ? askedMs : (before?.wellAtMs ?? askedMs),
    last: isWell ? sight.state : (before?.last ?? null),
    primarySinceMs: isWell && sight.state.role === 'primary' ? (before?.primarySinceMs ?? askedMs) : null,
  };
}

/** Why a node counts as dead; null: it does not. */
export function deathOf(health: NodeHealth, rules: ProbeRules, nowMs: number): string | null {
  const { sight, misses } = health;
  // Looks that follow on one another are no evidence of a long silence.
  const isLong = nowMs - health.missingSinceMs >= (rules.failures - 1) * rules.intervalMs;
  if (misses >= rules.failures && isLong) return 'reason' in sight ? sight.reason : 'it does not answer';
  // One that dies while it loads, again and again, is no better than one that loads for ever.
  if (sight.kind === 'loading' && nowMs - health.wellAtMs >= rules.longestLoadingMs)
    return `it has loaded its data for longer than ${rules.longestLoadingMs / 1000} s`;
  return null;
}
