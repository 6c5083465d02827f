/** What a shard knows of which keys are its own, and how it takes part in handoffs: for the reference shard, and for a sidecar. */
export { type Ownership, ownerOfAll, type Verdict } from './ownership.ts';
export { hasEnded, processMark } from './process-mark.ts';
export {
  type GivingUp,
  type OwnershipListener,
  RegisteredOwnership,
  type ShardIdentity,
} from './registered-ownership.ts';
export { StoreToken } from './store-token.ts';
