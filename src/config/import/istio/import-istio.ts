import { cluster as clusterSchema } from '../../schema/cluster.ts';
import { freeAdminPort } from '../admin-port.ts';
import type { Difference } from '../fields.ts';
import type { ForeignImport } from '../foreign-import.ts';
import { EVERY_PATH } from '../match.ts';
import type { ShardsByHost } from '../shards.ts';
import { withoutFaults } from '../without-faults.ts';
import { readBinding } from './binding.ts';
import { Clusters, type ImportedCluster } from './clusters.ts';
import { type ImportedRule, readDestinationRule } from './destination-rule.ts';
import { type ImportedGateway, readGateway } from './gateway.ts';
import { type IstioSource, type Resource, readResources } from './resources.ts';
import { buildRoutes } from './routes.ts';
import { type ImportedRoute, readVirtualService } from './virtual-service.ts';

const DEFAULT_PORT = 8080;
/**
 * Makes a config of Gateways, VirtualServices and DestinationRules. What has no place in it is reported, and left out.
 */
export function importIstio(sources: readonly IstioSource[], shards: ShardsByHost): ForeignImport {
  const differences: Difference[] = [];
  const resources = readResources(sources, differences);
  const of = (kind: Resource['kind']): Resource[] => resources.filter((each) => each.kind === kind);
  const gateways = of('Gateway').map(readGateway);
  const rules = withoutDoubles(of('DestinationRule'), differences);
  const services = of('VirtualService');
  const read = services.flatMap((each) => readVirtualService(each, readBinding(each, gateways)));
  for (const resource of resources) resource.finish();
  // A rule without a service that routes to it stands for all requests.
  const imported = services.length > 0 ? read : rules.flatMap(routeForAll);
  const clusters = new Clusters(
    imported.map(({ destination }) => destination),
    rules,
    shards,
    differences,
  );
  const routes = buildRoutes(imported, clusters, differences);
  const unknownShards = clusters.finish();
  if (routes.length === 0) return { config: null, differences, unknownShards };
  const built = clusters.all.map((each) => [each.name, ourCluster(each, differences)]);
  return {
    config: { ...listening(gateways), routes, clusters: Object.fromEntries(built) },
    differences,
    unknownShards,
  };
}

/** Of several rules for one host Istio takes the first. */
function withoutDoubles(resources: readonly Resource[], differences: Difference[]): ImportedRule[] {
  const rules = new Map<string, ImportedRule>();
  for (const resource of resources) {
    const rule = readDestinationRule(resource);
    if (!rules.has(rule.host)) rules.set(rule.host, rule);
    else
      differences.push({
        kind: 'left out',
        field: resource.spec.at('host'),
        reason: `an earlier rule for ${rule.host} is used`,
      });
  }
  return [...rules.values()];
}

function routeForAll({ host, policy: { base, byPort } }: ImportedRule): ImportedRoute[] {
  const none = { set: {}, add: {}, remove: [] };
  const [port] = [...byPort].find(([, policy]) => policy !== null) ?? [];
  if (host.includes('*') || (base === null && port === undefined)) return [];
  return [
    {
      place: `host ${host}`,
      match: EVERY_PATH,
      hosts: ['*'],
      destination: { host, subset: undefined, port: base === null ? port : undefined },
      timeoutMs: undefined,
      headers: { request: none, response: none },
      cors: undefined,
      translatesGrpcWeb: false,
    },
  ];
}

function ourCluster({ policy, shards }: ImportedCluster, differences: Difference[]): object {
  const whole = { ...(policy !== null && { placement: policy.placement }), shards };
  // What is wrong with a shard's address is the caller's to hear.
  return withoutFaults(clusterSchema, whole, policy?.place ?? '', ['shards'], differences) ?? whole;
}

function listening(gateways: readonly ImportedGateway[]): object {
  const ports = new Set(gateways.flatMap(({ servers }) => servers.map(({ port }) => port)));
  if (ports.size === 0) ports.add(DEFAULT_PORT);
  const admin = freeAdminPort(ports);
  return {
    listen: [...ports].map((port) => ({ address: `127.0.0.1:${port}` })),
    ...(admin !== null && { admin: { address: `127.0.0.1:${admin}` } }),
  };
}
