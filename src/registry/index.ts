/** The registry: where topologies live. */
export { type Registry, type StoredTopology, type TopologyVersion, VersionConflict } from './registry.ts';
export { SqliteRegistry } from './sqlite-registry.ts';
