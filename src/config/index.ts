/** Config: YAML to checked, typed values. */
export { ConfigError, type ConfigFault } from './config-error.ts';
export { type IstioImport, importIstio, type ShardsByHost } from './istio/import-istio.ts';
export { type Config, loadConfig, parseConfig } from './load-config.ts';
export { configJsonSchema } from './schema/index.ts';
