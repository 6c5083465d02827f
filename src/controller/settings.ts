import { z } from 'zod';
import { ClientCertificates, type ClientTlsDescription, tlsFault } from '../io/index.ts';
import { type RegistryDescription, registrySchema } from '../registry/index.ts';
import { identifier, reachableAddress, type TopologyName } from '../topology/index.ts';
import { duration, filePath, logSettings, type Path, parseYaml, type Report, readDocument } from '../yaml/index.ts';
import { type ApiAccess, accessFields, accessOf, reportedSecret } from './api-access.ts';
import type { NodeAccess } from './engine.ts';
import { ENGINE_NAMES, type EngineName } from './engines/index.ts';
import type { FailoverRules } from './failover.ts';
import type { WebhookSettings } from './webhooks/webhook.ts';
import { webhooksOf, webhooksSchema } from './webhooks/webhook-settings.ts';

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

const tls = z
  .strictObject({
    authorities: filePath.optional().describe("A PEM file of the authorities that may sign the nodes' certificates."),
    certificate: filePath.optional().describe('A PEM file of the certificate to present to nodes.'),
    key: filePath.optional().describe("A PEM file with the certificate's key."),
    serverName: z.string().min(1).optional().describe("The name in the nodes' certificates."),
  })
  .superRefine(({ certificate, key }, context) => {
    if ((certificate === undefined) !== (key === undefined)) context.addIssue('certificate and key go together');
  })
  .describe("TLS to the nodes; an empty mapping trusts the system's authorities.");

/** How a cluster is led, whichever it is. */
const leading = {
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
  tls: tls.optional(),
  probe: probe.prefault({}),
  maxMissingShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe(
      'Where a larger share of the nodes misses probes at once, nothing is failed over. 1: that is not looked at.',
    ),
};

const engine = z.enum(ENGINE_NAMES);

const cluster = z.strictObject({
  namespace: identifier.default('default').describe('Its namespace in the registry.'),
  engine: engine.describe(
    'What its servers are: redis for Redis and Valkey in cluster mode, kvrocks for Apache Kvrocks in cluster mode.',
  ),
  nodes: z
    .array(reachableAddress)
    .min(1)
    .describe(
      'Some of its nodes. They are asked for the others once, where the registry does not have the cluster yet.',
    ),
  ...leading,
});

const api = z
  .strictObject({
    ...accessFields,
    clusters: z
      .strictObject({
        engine: engine.default('redis').describe('What their servers are, where a request does not say.'),
        ...leading,
      })
      .prefault({})
      .describe('How clusters are led that are made or imported by a request. The same for all controllers.'),
  })
  .describe('A REST interface with the paths and bodies of kvrocks-controller; not served where it is left out.');

export const controllerSchema = z.strictObject({
  registry: registrySchema.describe('Where topologies are, and where controllers are elected.'),
  log: logSettings,
  lease: duration({ least: 1000, most: HOUR_MS })
    .prefault('10s')
    .describe('Another controller takes a cluster over this long after the one that leads it has died.'),
  api: api.optional(),
  webhooks: webhooksSchema,
  clusters: z
    .record(identifier, cluster)
    .default({})
    .describe(
      'The clusters to lead, by their names in the registry. At least one, unless there is an api by which they are made.',
    ),
});

type File = z.output<typeof controllerSchema>;

/** How a controller leads clusters, whichever they are. */
export interface LeadingSettings {
  readonly engine: EngineName;
  readonly consistency: 'strict' | 'eventual';
  readonly access: Omit<NodeAccess, 'random' | 'clock'>;
  readonly rules: FailoverRules;
}

/** A cluster that a controller leads. */
export interface LedClusterSettings extends LeadingSettings {
  readonly name: TopologyName;
  /** Empty: the registry has it, or it does not exist. */
  readonly seeds: readonly string[];
}

/** A controller's config. */
export interface ControllerSettings {
  readonly registry: RegistryDescription;
  readonly logLevel: File['log']['level'];
  readonly leaseMs: number;
  readonly clusters: readonly LedClusterSettings[];
  /** Null: it is not served. */
  readonly api: ApiSettings | null;
  readonly webhooks: readonly WebhookSettings[];
}

/** What a controller's REST interface is served by. */
export interface ApiSettings extends ApiAccess {
  /** How clusters are led that it makes. */
  readonly clusters: LeadingSettings;
}

/** Reads and checks a controller's config. @throws DocumentError naming every fault */
export function loadControllerSettings(file: string): ControllerSettings {
  return parseControllerSettings(readDocument(file), file);
}

/** @param file the name for messages. @throws DocumentError naming every fault */
export function parseControllerSettings(text: string, file: string): ControllerSettings {
  return parseYaml(text, file, controllerSchema, settingsOf);
}

function settingsOf({ registry, log, lease, clusters, api, webhooks }: File, report: Report): ControllerSettings {
  if (api === undefined && Object.keys(clusters).length === 0)
    report(['clusters'], 'name at least one cluster, or an api by which clusters are made');
  return {
    registry: registry as RegistryDescription,
    logLevel: log.level,
    leaseMs: lease,
    webhooks: webhooksOf(webhooks, report),
    clusters: Object.entries(clusters).map(([name, { namespace, nodes, ...fields }]) => ({
      ...leadingOf(fields, ['clusters', name], report),
      name: { namespace, cluster: name },
      seeds: nodes,
    })),
    api:
      api === undefined
        ? null
        : { ...accessOf(api, report), clusters: leadingOf(api.clusters, ['api', 'clusters'], report) },
  };
}

type Leading = Omit<File['clusters'][string], 'namespace' | 'nodes'>;

function leadingOf(fields: Leading, path: Path, report: Report): LeadingSettings {
  const { engine, consistency, login, tls, probe, maxMissingShare } = fields;
  const { interval: intervalMs, timeout: timeoutMs, failures, longestLoading: longestLoadingMs } = probe;
  const password =
    login === undefined ? '' : reportedSecret(login.passwordFile, [...path, 'login', 'passwordFile'], report);
  return {
    engine,
    consistency,
    access: {
      timeoutMs,
      // As long as it takes to count as dead.
      patienceMs: (failures - 1) * intervalMs,
      login: login === undefined ? null : { username: login.username, password },
      certificates: tls === undefined ? null : certificatesOf(tls, [...path, 'tls'], report),
    },
    rules: { intervalMs, failures, longestLoadingMs, maxMissingShare },
  };
}

function certificatesOf(description: ClientTlsDescription, path: Path, report: Report): ClientCertificates {
  const certificates = new ClientCertificates(description);
  const fault = tlsFault(() => certificates.options());
  if (fault !== null) report(path, fault.message);
  return certificates;
}
