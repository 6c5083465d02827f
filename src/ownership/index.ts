/** What a shard knows of which keys are its own, and how it takes part in handoffs: for the reference shard, and for a sidecar. */
export { type Ownership, ownerOfAll, type Verdict } from './ownership.ts';
export { type OwnershipListener, RegisteredOwnership, type ShardIdentity } from './registered-ownership.ts';
export { StoreToken } from './store-token.ts';
