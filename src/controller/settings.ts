import { z } from 'zod';
import { type RegistryDescription, registrySchema } from '../registry/index.ts';
import { NamedFileFault, secretIn } from '../runtime/named-file.ts';
import { identifier, reachableAddress, type TopologyName } from '../topology/index.ts';
import { duration, filePath, logSettings, parseYaml, type Report, readDocument } from '../yaml/index.ts';
import type { NodeAccess } from './engine.ts';
import { ENGINE_NAMES, type EngineName } from './engines/index.ts';
import type { FailoverRules } from './failover.ts';

const HOUR_MS = 3_600_000;

const probe = z
  .strictObject({
    interval: duration({ least: 10, most: HOUR_MS }).prefault('1s').describe('Each node is probed this often.'),
    timeout: duration({ least: 10, most: HOUR_MS })
      .prefault('1s')
      .describe('A node that does not connect, or answer, within this time has missed a probe.'),
    failures: z.int().min(1).max(1000).default(5).describe('A primary that misses so many probes in a row is dead.'),
    longestLoading: duration({ most: 7 * 24 * HOUR_MS })
      .prefault('10m')
      .describe('A primary that loads its data, and has not served for this long, is dead too.'),
  })
  .describe('When a node is dead.');

const cluster = z.strictObject({
  namespace: identifier.default('default').describe('Its namespace in the registry.'),
  engine: z.enum(ENGINE_NAMES).describe('What its servers are: redis for Redis and Valkey in cluster mode.'),
  nodes: z
    .array(reachableAddress)
    .min(1)
    .describe(
      'Some of its nodes. They are asked for the others once, where the registry does not have the cluster yet.',
    ),
  consistency: z
    .enum(['strict', 'eventual'])
    .default('strict')
    .describe(
      'Of a cluster that the registry does not have yet. strict: a replica takes over once no router sends anything to the old primary any more; eventual: at once.',
    ),
  login: z
    .strictObject({
      username: z.string().min(1).default('default'),
      passwordFile: filePath.describe('A file with the password.'),
    })
    .optional()
    .describe('What its nodes are told with AUTH.'),
  probe: probe.prefault({}),
  maxMissingShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe(
      'Where a larger share of the nodes misses probes at once, nothing is failed over. 1: that is not looked at.',
    ),
});

export const controllerSchema = z.strictObject({
  registry: registrySchema.describe('Where topologies are, and where controllers are elected.'),
  log: logSettings,
  lease: duration({ least: 1000, most: HOUR_MS })
    .prefault('10s')
    .describe('Another controller takes a cluster over this long after the one that leads it has died.'),
  clusters: z
    .record(identifier, cluster)
    .refine((clusters) => Object.keys(clusters).length > 0, 'name at least one cluster')
    .describe('The clusters to lead, by their names in the registry.'),
});

type File = z.output<typeof controllerSchema>;

/** A cluster that a controller leads. */
export interface LedClusterSettings {
  readonly name: TopologyName;
  readonly engine: EngineName;
  readonly seeds: readonly string[];
  readonly consistency: 'strict' | 'eventual';
  readonly access: Pick<NodeAccess, 'login' | 'timeoutMs'>;
  readonly rules: FailoverRules;
}

/** A controller's config. */
export interface ControllerSettings {
  readonly registry: RegistryDescription;
  readonly logLevel: File['log']['level'];
  readonly leaseMs: number;
  readonly clusters: readonly LedClusterSettings[];
}

/** Reads and checks a controller's config. @throws DocumentError naming every fault */
export function loadControllerSettings(file: string): ControllerSettings {
  return parseControllerSettings(readDocument(file), file);
}

/** @param file the name for messages. @throws DocumentError naming every fault */
export function parseControllerSettings(text: string, file: string): ControllerSettings {
  return parseYaml(text, file, controllerSchema, settingsOf);
}

function settingsOf({ registry, log, lease, clusters }: File, report: Report): ControllerSettings {
  return {
    registry: registry as RegistryDescription,
    logLevel: log.level,
    leaseMs: lease,
    clusters: Object.entries(clusters).map(([name, fields]) => ledClusterOf(name, fields, report)),
  };
}

function ledClusterOf(name: string, fields: File['clusters'][string], report: Report): LedClusterSettings {
  const { namespace, engine, nodes, consistency, login, probe, maxMissingShare } = fields;
  const { interval: intervalMs, timeout: timeoutMs, failures, longestLoading: longestLoadingMs } = probe;
  return {
    name: { namespace, cluster: name },
    engine,
    seeds: nodes,
    consistency,
    access: {
      timeoutMs,
      login: login === undefined ? null : { username: login.username, password: passwordIn(login.passwordFile) },
    },
    rules: { intervalMs, failures, longestLoadingMs, maxMissingShare },
  };

  function passwordIn(passwordFile: string): string {
    try {
      return secretIn(passwordFile);
    } catch (error) {
      if (!(error instanceof NamedFileFault)) throw error;
      report(['clusters', name, 'login', 'passwordFile'], error.message);
      return '';
    }
  }
}
