import type { CoreContext } from '../core/context.ts';
import type { ReplayArena } from '../core/replay-arena.ts';
import type { Chores } from './chores.ts';
import type { ListedClient } from './listed-client.ts';
import type { HotKeys } from './observed/hot-keys.ts';
import type { SlowLog } from './observed/slow-log.ts';
import type { ReplicaChoices } from './reads/replica-choices.ts';
import type { ReplySlab } from './requests/reply-slab.ts';
import type { ScriptCaches } from './requests/script-cache.ts';
import type { ScanCursors } from './split/index.ts';

/** What the Redis clients and shards of a thread share. */
export interface RedisContext {
  /** All that are connected, in the order in which they came. */
  readonly clients: Set<ListedClient>;
  /** Its settings change when the router reloads its config: read them when they are needed. */
  readonly core: CoreContext;
  /** Commands that were sent, in case a shard sends them elsewhere. */
  readonly arena: ReplayArena;
  /** Replies that wait for earlier ones. */
  readonly slab: ReplySlab;
  /** Scripts that clients have loaded. */
  readonly scripts: ScriptCaches;
  /** Clusters whose servers take the keys of one slot only in a command, as those of Redis Cluster do: learnt from their refusals. */
  readonly oneSlotEach: Set<string>;
  /** Whether shards (`Upstream`) are told by others of their cluster what is published there, as far as they were asked. */
  readonly buses: WeakMap<object, boolean>;
  /** What takes long for its clients. */
  readonly chores: Chores;
  /** Which replicas are asked. */
  readonly replicaChoices: ReplicaChoices;
  /** Commands that took long. */
  readonly slowLog: SlowLog;
  /** Counts keys while somebody wants to know which are hot; null otherwise. */
  hotKeys: HotKeys | null;
  /** As log lines have it. */
  readonly timeOfDay: () => string;
  /** Where scans of all shards have come to. */
  readonly cursors: ScanCursors;
}
