import { parseYaml, readDocument } from '../yaml/index.ts';
import { buildConfig, type Config } from './build-config.ts';
import { configJsonSchema, configSchema } from './schema/index.ts';

export type { Config } from './build-config.ts';

/** Reads and checks a config file. @throws DocumentError naming every fault */
export function loadConfig(file: string): Config {
  return parseConfig(readDocument(file), file);
}

/** Checks a config's text; `file` is the name for messages. @throws DocumentError naming every fault */
export function parseConfig(text: string, file: string): Config {
  return parseYaml(text, file, configSchema, buildConfig, configJsonSchema);
}
