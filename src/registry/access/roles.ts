import { type TopologyName, topologyText } from '../../topology/index.ts';

/** What a participant may write in a registry. Every participant with a role may read all of it. */
export type Role =
  /** Nothing. */
  | { readonly kind: 'read' }
  /** What a router writes: itself, and the handoffs that it drives. @property cluster null: of all clusters */
  | { readonly kind: 'route'; readonly cluster: TopologyName | null }
  /** What a shard's nodes write: themselves, and housekeeping for what the shard owns. */
  | { readonly kind: 'shard'; readonly cluster: TopologyName; readonly shard: string }
  /** Everything. */
  | { readonly kind: 'administer' };

/** For messages: a role as a file of tokens has it. */
export function roleText(role: Role): string {
  if (role.kind === 'shard') return `shard of ${topologyText(role.cluster)}/${role.shard}`;
  if (role.kind === 'route' && role.cluster !== null) return `route for ${topologyText(role.cluster)}`;
  return role.kind;
}

/** Keys, or with a slash at the end beginnings of keys. */
type Keys = readonly string[];

/**
 * What a router writes. It drives handoffs, and so makes versions current and takes lost shards out.
 * `docs/registry.md` has the same for etcd.
 */
function routersKeys(cluster: TopologyName | null): Keys {
  const of = cluster === null ? '' : `${topologyText(cluster)}/`;
  const election = cluster === null ? 'election/handoff/' : `election/handoff/${topologyText(cluster)}`;
  return ['member/router/', `handoff/${of}`, `topology/${of}`, `version/${of}`, election];
}

/** What a shard's nodes write. A task's unit may be any project of the cluster: whose it is changes with the topology. */
function shardsKeys(cluster: TopologyName, shard: string): Keys {
  const of = topologyText(cluster);
  const election = `election/housekeeping/${of}`;
  const documents = `document/housekeeping/${of}`;
  return [
    `member/node/${of}/${shard}/`,
    `handoff/${of}/node/${shard}/`,
    election,
    `${election}/shard/${shard}`,
    `${documents}/board/claim/`,
    `${documents}/state/`,
    `${documents}/task/`,
  ];
}

function holds(keys: Keys, key: string): boolean {
  return keys.some((each) => (each.endsWith('/') ? key.startsWith(each) : key === each));
}

/** The first member that notices that the registry went back says so. */
const INCARNATION = 'incarnation/';

/** Whether a role may change an entry. */
export function mayWrite(role: Role, key: string): boolean {
  switch (role.kind) {
    case 'read':
      return false;
    case 'route':
      return key.startsWith(INCARNATION) || holds(routersKeys(role.cluster), key);
    case 'shard':
      return key.startsWith(INCARNATION) || holds(shardsKeys(role.cluster, role.shard), key);
    case 'administer':
      return true;
  }
}

/** Whether a role's commits may depend on a key, or on all that begin so: on what it may write, and on what that hangs on. */
export function mayDependOn(role: Role, key: string): boolean {
  if (role.kind === 'route') return mayWrite(role, key) || key.startsWith('namespace/');
  return mayWrite(role, key);
}

/** Keys that shards write, with the cluster, and the shard where the key names one. */
const SHARDS_KEYS: readonly RegExp[] = [
  /^member\/node\/([^/]+\/[^/]+)\/([^/]+)\//,
  /^handoff\/([^/]+\/[^/]+)\/node\/([^/]+)\//,
  /^election\/housekeeping\/([^/]+\/[^/]+)(?:\/shard\/([^/]+))?$/,
  /^document\/housekeeping\/([^/]+\/[^/]+)\/(?:board\/claim|state|task)\//,
];

/** The roles that may write a key, besides the one that may write all, for messages. */
export function rolesThatMayWrite(key: string): string {
  const roles = SHARDS_KEYS.flatMap((pattern) => {
    const [, cluster, shard] = pattern.exec(key) ?? [];
    if (cluster === undefined) return [];
    return [`shard of ${cluster}${shard === undefined ? '' : `/${shard}`}`];
  });
  if (key.startsWith(INCARNATION)) roles.push('shard');
  if (mayWrite({ kind: 'route', cluster: null }, key)) roles.push('route');
  return roles.length === 0 ? 'administer' : roles.join(' or ');
}
