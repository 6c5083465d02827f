/** The registry: what routers, shards and people agree on. To add a store, write a file in `store/` and list it in `open-store.ts`. */

export { Participants, tokenHash } from './access/participants.ts';
export { loadParticipants, parseParticipants } from './access/participants-file.ts';
export type { Role } from './access/roles.ts';
export {
  type AutonomousRouter,
  type AutonomyBasis,
  autonomousRouterName,
  autonomyText,
  topologyDigest,
} from './autonomous-routers.ts';
export { type DocumentChange, Documents, type Expectation, type StoredDocument } from './documents.ts';
export { Elections, type Leader, type Term } from './elections.ts';
export { epochOf, type FencingToken, revisionOf, tokenOf } from './fencing-token.ts';
export { isDeclaredDead } from './gone-shards.ts';
export {
  goesOn,
  type Handoff,
  type HandoffStep,
  type HandoffView,
  hasReached,
  instanceText,
  isStopped,
  isUnderWay,
  type KnownNode,
  type NodeInstance,
  type NodeRights,
  onItsWay,
  type StoredHandoff,
  type StoredNode,
  shardsGiveUp,
  type Wave,
} from './handoff-entries.ts';
export { type ClusterState, type HandoffEvent, Handoffs } from './handoffs.ts';
export type { HeldLease, LeaseTimes } from './held-lease.ts';
export { type InstanceId, newInstance, qualified } from './instance.ts';
export {
  type Acknowledgement,
  hasAcknowledged,
  isMemberOf,
  KNOWS,
  type MemberProcess,
  type NodeValue,
  nodeName,
  nodeValue,
  type RouterValue,
  routerValue,
} from './member-values.ts';
export { type Member, type MemberKind, Members, type Membership } from './members.ts';
export { DEFAULT_NAMESPACE, NamespaceError, Namespaces } from './namespaces.ts';
export { type NodeIdentity, NodeRegistration } from './node-registration.ts';
export type { OwnEntry } from './own-entry.ts';
export type { OwnRights } from './own-rights.ts';
export { Registry, type RegistrySurroundings } from './registry.ts';
export { oneStore, registrySchema, storeFields } from './registry-schema.ts';
export type { RegistryDescription, StoreTls } from './store/open-store.ts';
export { StoreSetUpError } from './store/set-up-error.ts';
export { registryFile, SqliteStore } from './store/sqlite-store.ts';
export { type Revision, type Store, StoreDenied, StoreRefused, StoreUnavailable } from './store/store.ts';
export { type CommitOptions, type CommittedVersion, Topologies, VersionConflict } from './topologies.ts';
export type { TopologyEvent } from './topology-watch.ts';
export { type Unreadable, UnreadableEntries, UnreadableEntry } from './unreadable.ts';
export { Waker } from './waker.ts';
