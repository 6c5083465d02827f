/** How much may happen in a model, and what is asked of it. TLC looks at every state that can be reached within these bounds. */
export interface Model {
  readonly name: string;
  /** For people. */
  readonly what: string;
  readonly routers: 1 | 2;
  /** Of the shards s1 and s2, those that take part. */
  readonly fencing: readonly ('s1' | 's2')[];
  readonly failover: boolean;
  /** How often each happens at most. */
  readonly most: Readonly<Record<Happening, number>>;
  /** Whether what has to happen in the end is checked as well: paths, not only states. */
  readonly isLive: boolean;
}

/**
 * `losses`: of leases whose processes run on; `retries`: a hold goes back to draining; `interrupts`: people pause a change, or give it up;
 * `crashes`: a process ends, with a word to the others or without, and may be started again.
 */
export type Happening = 'changes' | 'interrupts' | 'retries' | 'crashes' | 'losses';

const NOTHING = { changes: 0, interrupts: 0, retries: 0, crashes: 0, losses: 0 };
const SAFETY = ['VersionsGrow', 'CursorsGrow'];
const LIVENESS = ['HoldsEnd', 'Progress'];

export const models: readonly Model[] = [
  {
    name: 'plain',
    what: 'shards that trust their routers; two changes, and a crash',
    routers: 2,
    fencing: [],
    failover: false,
    most: { ...NOTHING, changes: 2, crashes: 1 },
    isLive: false,
  },
  {
    name: 'retry',
    what: 'a hold that somebody does not answer',
    routers: 2,
    fencing: [],
    failover: false,
    most: { ...NOTHING, changes: 1, retries: 1 },
    isLive: false,
  },
  {
    name: 'lease',
    what: 'a router that loses its lease and registers again',
    routers: 1,
    fencing: [],
    failover: false,
    most: { ...NOTHING, changes: 1, losses: 1 },
    isLive: false,
  },
  {
    name: 'pause',
    what: 'a change that is paused or given up, and another one',
    routers: 1,
    fencing: [],
    failover: false,
    most: { ...NOTHING, changes: 2, interrupts: 1 },
    isLive: false,
  },
  {
    name: 'fencing',
    what: 'shards that take part; two changes',
    routers: 2,
    fencing: ['s1', 's2'],
    failover: false,
    most: { ...NOTHING, changes: 2 },
    isLive: false,
  },
  {
    name: 'restart',
    what: 'shards that take part; a process that crashes or is stopped, and its next one',
    routers: 1,
    fencing: ['s1', 's2'],
    failover: false,
    most: { ...NOTHING, changes: 1, crashes: 1 },
    isLive: false,
  },
  {
    name: 'failover',
    what: 'a shard that is cut off, is removed, and comes back',
    routers: 1,
    fencing: ['s1', 's2'],
    failover: true,
    most: { ...NOTHING, losses: 1 },
    isLive: false,
  },
  {
    name: 'mixed',
    what: 'one shard that takes part, and one that does not',
    routers: 1,
    fencing: ['s1'],
    failover: false,
    most: { ...NOTHING, changes: 1 },
    isLive: false,
  },
  {
    name: 'progress',
    what: 'that every hold ends, and every change',
    routers: 1,
    fencing: [],
    failover: false,
    most: { ...NOTHING, changes: 1, retries: 1, interrupts: 1 },
    isLive: true,
  },
];

/** What TLC is told about a model. */
export function configOf({ routers, fencing, failover, most, isLive }: Model): string {
  // Where shards differ in kind they cannot be exchanged; and along paths nothing can.
  const isSymmetric = !isLive && fencing.length !== 1 && routers === 2;
  const set = (members: readonly string[]): string => `{${members.join(', ')}}`;
  const bounds = Object.entries(most).map(
    ([what, times]) => `${what.charAt(0).toUpperCase()}${what.slice(1)} = ${times}`,
  );
  return [
    `SPECIFICATION ${isLive ? 'FairSpec' : 'Spec'}`,
    ...(isSymmetric ? ['SYMMETRY Symmetry'] : []),
    'CHECK_DEADLOCK FALSE',
    'CONSTANTS',
    `Routers = ${set(['r1', 'r2'].slice(0, routers))}`,
    'Shards = {s1, s2}',
    `Fencing = ${set(fencing)}`,
    'Keys = {1, 2}',
    `Failover = ${failover ? 'TRUE' : 'FALSE'}`,
    ...bounds,
    'INVARIANTS OneOwner AcknowledgedStays',
    `PROPERTIES ${[...SAFETY, ...(isLive ? LIVENESS : [])].join(' ')}`,
    '',
  ].join('\n');
}
