/**
 * Stores that are reached over the network, or serve others. They bring gRPC and etcd's client along, which take longer to load than
 * all the rest: so this door is apart from the registry's, for those who open a store.
 */
export { openStore } from './open-store.ts';
export { type StoreAccess, StoreServer } from './store-server.ts';
