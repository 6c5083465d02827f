/** A fault of the protocol, put into the module: so that it is known what the models would find. */
export interface Fault {
  readonly name: string;
  /** The model that has to find it. */
  readonly model: string;
  /** What stands once in the module, and what stands there instead. */
  readonly swap: readonly [from: string, to: string];
  /** What does not hold then. */
  readonly broken: string;
}

export const faults: readonly Fault[] = [
  {
    name: 'a step is taken without waiting for the routers',
    model: 'retry',
    swap: ['{r \\in Routers \\cap listed : ~hasAcknowledged(r, handoff)}', '{}'],
    broken: 'OneOwner',
  },
  {
    name: 'one router acknowledges for all',
    model: 'retry',
    swap: ['~hasAcknowledged(r, handoff)}', '~\\E any \\in Routers : hasAcknowledged(any, handoff)}'],
    broken: 'OneOwner',
  },
  {
    name: 'one shard acknowledges for all',
    model: 'fencing',
    swap: ['~hasAcknowledged(s, handoff))}', '~\\E any \\in Fencing : hasAcknowledged(any, handoff))}'],
    broken: 'OneOwner',
  },
  {
    name: 'an acknowledgement of an earlier attempt counts',
    model: 'retry',
    swap: ['said[m].attempt = handoff.attempt /\\ Rank', 'Rank'],
    broken: 'OneOwner',
  },
  {
    name: 'a hold that goes back keeps its attempt',
    model: 'retry',
    swap: ['!.step = "drain", !.attempt = @ + 1, !.fence', '!.step = "drain", !.fence'],
    broken: 'OneOwner',
  },
  {
    name: 'what a driver has read before a step counts for the next one',
    model: 'retry',
    swap: ["now' = state /\\ found' = Nothing", "now' = state /\\ UNCHANGED found"],
    broken: 'OneOwner',
  },
  {
    name: 'a router acknowledges a hold with a request in flight',
    model: 'retry',
    swap: ['  /\\ InFlight(r) = {} \\/ ~IsHeld(r)\n', ''],
    broken: 'OneOwner',
  },
  {
    name: 'a router that learns of a commit before it learns of the version sends to the old owner',
    model: 'retry',
    swap: ['IF isBehind(mine, handoff) THEN before', 'IF FALSE THEN before'],
    broken: 'OneOwner',
  },
  {
    name: 'a router serves by a new lease before it knows what happened without it',
    model: 'lease',
    swap: [
      "asks' = [asks EXCEPT ![m] = ToConfirm(m)]\n  /\\ now' = IF",
      "asks' = [asks EXCEPT ![m] = {}]\n  /\\ now' = IF",
    ],
    broken: 'OneOwner',
  },
  {
    name: 'a router serves by a new lease once it knows a topology and a handoff, of whatever moments',
    model: 'lease',
    swap: ['THEN ~isBehind(served[m], view[m])', 'THEN TRUE'],
    broken: 'OneOwner',
  },
  {
    name: 'a lease ends before what its router has in flight is cut',
    model: 'lease',
    swap: ['m \\notin serves /\\ InFlight(m) = {}', 'm \\notin serves'],
    broken: 'OneOwner',
  },
  {
    name: 'a lease ends before its router stops',
    model: 'lease',
    swap: ['m \\notin serves /\\ InFlight(m) = {}', 'InFlight(m) = {}'],
    broken: 'OneOwner',
  },
  {
    name: 'a wave is committed together with the one after it',
    model: 'retry',
    swap: [
      '!.topology = now.handoff.staged,',
      '!.topology = [now.handoff.staged EXCEPT !.owner = now.handoff.staged.target],',
    ],
    broken: 'OneOwner',
  },
  {
    name: 'a wave moves back what the one before it has moved',
    model: 'retry',
    swap: [
      'stage(towards(now.topology, now.topology.target, Cardinality(Keys)), {}, step), !.givenUp = {}])',
      'stage([owner |-> [k \\in Keys |-> CHOOSE s \\in Shards : s # now.topology.owner[k]], target |-> now.topology.target], {}, step)])',
    ],
    broken: 'CursorsGrow',
  },
  {
    name: 'a shard acknowledges before what it carries out has ended',
    model: 'fencing',
    swap: ['  /\\ s \\notin carryOut \\/ ~lostBy(s, told[s])\n', ''],
    broken: 'OneOwner',
  },
  {
    name: 'a shard keeps in memory what it has given up',
    model: 'fencing',
    swap: ['THEN [memory EXCEPT ![m] = "none"] ELSE memory', 'THEN memory ELSE memory'],
    broken: 'AcknowledgedStays',
  },
  {
    name: 'a change is committed without waiting for the shards',
    model: 'fencing',
    swap: [' /\\ (now.handoff.fence \\/ found.losing = {})', ''],
    broken: 'OneOwner',
  },
  {
    name: 'a process of a shard that has come since the driver looked is not waited for',
    model: 'restart',
    swap: [' /\\ found.known = now.known', ''],
    broken: 'OneOwner',
  },
  {
    name: 'a lost shard is removed while it may still serve',
    model: 'failover',
    swap: ['/\\ s \\notin serves\n', '\n'],
    broken: 'OneOwner',
  },
  {
    name: 'a shard that is being removed serves again',
    model: 'failover',
    swap: [' /\\ ~(isUnderWay(now.handoff) /\\ m \\in now.handoff.lost)', ''],
    broken: 'OneOwner',
  },
  {
    name: 'a pause stops a hold as well',
    model: 'progress',
    swap: ['now.handoff.lost = {} /\\ now.handoff.step # "hold"', 'now.handoff.lost = {}'],
    broken: 'Progress',
  },
  {
    name: 'a router acknowledges only the first step of an attempt that it learns of',
    model: 'progress',
    swap: ['said[r] # Said(r, handoff)', 'said[r].attempt # handoff.attempt'],
    broken: 'Progress',
  },
];
