/** Config: YAML to checked, typed values. */

export type { ConfiguredCluster, ConfiguredRegistry } from './build-config.ts';
export { type ConfigChanges, configChanges } from './config-changes.ts';
export { importEnvoy } from './import/envoy/import-envoy.ts';
export { filesIn, withoutFiles } from './import/files.ts';
export type { ForeignImport } from './import/foreign-import.ts';
export { importIstio } from './import/istio/import-istio.ts';
export type { ShardsByHost } from './import/shards.ts';
export { type Config, loadConfig, parseConfig } from './load-config.ts';
export { configJsonSchema } from './schema/index.ts';
