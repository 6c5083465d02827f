/**
 * Stores that are reached over the network, or serve others. They load gRPC and etcd's client, which takes longer than
 * all the rest: so callers that open a store use this door, apart from the registry's.
 */
export { openRegistry } from './open-registry.ts';
export { isMadeByOpening, openStore } from './open-store.ts';
export { type StoreAccess, StoreServer } from './store-server.ts';
