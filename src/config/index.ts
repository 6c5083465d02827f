/** Config: YAML to checked, typed values. */

export type { ConfiguredCluster, ConfiguredRegistry } from './build-config.ts';
export { type IstioImport, importIstio, type ShardsByHost } from './istio/import-istio.ts';
export { type Config, loadConfig, parseConfig } from './load-config.ts';
export { loadParticipants, parseParticipants, SHORTEST_TOKEN } from './registry-tokens.ts';
export { configJsonSchema } from './schema/index.ts';
export { registryStore as registrySchema } from './schema/registry.ts';
