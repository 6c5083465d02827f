import { parseAllDocuments } from 'yaml';
import { type HashPolicy, readDestinationRule } from './destination-rule.ts';
import { Fields, type LeftOut } from './fields.ts';
import { type ImportedRoute, readVirtualService } from './virtual-service.ts';

/** What became of an Istio configuration. */
export interface IstioImport {
  /** A config of ours, before it is checked. */
  readonly config: object;
  /** What could not be carried over, field by field. */
  readonly leftOut: readonly LeftOut[];
}

export interface IstioSource {
  readonly file: string;
  readonly text: string;
}

/** The shards of a host, which Istio finds in Kubernetes: `host:port` each. */
export type ShardsByHost = Readonly<Record<string, readonly string[]>>;

const DEFAULT_PORT = 8080;

interface Collected {
  readonly ports: number[];
  readonly routes: ImportedRoute[];
  readonly policies: Map<string, HashPolicy>;
  readonly leftOut: LeftOut[];
}

/** Makes a config of Gateways, VirtualServices and DestinationRules. @throws Error where a text is not YAML */
export function importIstio(sources: readonly IstioSource[], shards: ShardsByHost): IstioImport {
  const collected: Collected = { ports: [], routes: [], policies: new Map(), leftOut: [] };
  for (const { file, text } of sources) {
    for (const document of parseAllDocuments(text)) {
      const [error] = document.errors;
      if (error !== undefined) throw new Error(`${file}: not YAML: ${error.message}`);
      if (document.toJS() !== null) readResource(document.toJS(), file, collected);
    }
  }
  return { config: build(collected, shards), leftOut: collected.leftOut };
}

function readResource(value: unknown, file: string, collected: Collected): void {
  const { kind, metadata } = (value ?? {}) as { kind?: unknown; metadata?: { name?: unknown } };
  const place = `${String(kind ?? file)} ${String(metadata?.name ?? '')}`.trim();
  const resource = new Fields(value, `${place}: `, collected.leftOut);
  for (const name of ['apiVersion', 'kind', 'metadata', 'status']) resource.take(name);
  const spec = resource.mapping('spec');
  switch (kind) {
    case 'Gateway':
      collected.ports.push(...readGateway(spec));
      break;
    case 'VirtualService':
      collected.routes.push(...readVirtualService(spec));
      break;
    case 'DestinationRule': {
      const { host, policy } = readDestinationRule(spec);
      if (policy !== undefined) collected.policies.set(host, policy);
      break;
    }
    default:
      collected.leftOut.push({
        field: `${file}: ${place}`,
        reason: 'is no Gateway, VirtualService or DestinationRule',
      });
      return;
  }
  resource.finish();
}

function readGateway(spec: Fields): number[] {
  // Which pods are the gateway is Kubernetes' matter.
  spec.take('selector');
  const ports = spec.list('servers').flatMap((server) => {
    const port = server.mapping('port');
    const number = port.number('number');
    port.take('name');
    port.take('protocol');
    port.finish();
    const hosts = server.texts('hosts').filter((host) => host !== '*' && host !== '*/*');
    if (hosts.length > 0) server.leaveOut('hosts', 'a listener takes every host: match them in the routes');
    server.finish();
    return number === undefined ? [] : [number];
  });
  spec.finish();
  return ports;
}

/** A host's name as that of a cluster: its first label, `yorkie` of `yorkie.default.svc.cluster.local`. */
function clusterName(host: string): string {
  return (host.split('.')[0] ?? '').replaceAll(/[^A-Za-z0-9_-]/g, '-') || 'cluster';
}

function build({ ports, routes, policies, leftOut }: Collected, shards: ShardsByHost): object {
  const hosts = [...new Set([...routes.map(({ host }) => host), ...policies.keys()])];
  // A rule without a service that routes to it stands for all requests.
  const all = routes.length > 0 ? routes : hosts.map(routeForAll);
  const clusters = hosts.map((host) => {
    const policy = policyOf(host, policies);
    const port = all.find((route) => route.host === host)?.port ?? DEFAULT_PORT;
    const addresses = shards[clusterName(host)] ?? shards[host];
    if (addresses === undefined)
      leftOut.push({ field: `host ${host}`, reason: 'Istio finds its endpoints in Kubernetes: list them as shards' });
    const list = (addresses ?? [`${host}:${port}`]).map((address, i) => ({ id: `${clusterName(host)}-${i}`, address }));
    const placement = policy?.placement;
    return [clusterName(host), { ...(placement !== undefined && { placement }), shards: list }] as const;
  });
  return {
    listen: (ports.length > 0 ? ports : [DEFAULT_PORT]).map((port) => ({ address: `127.0.0.1:${port}` })),
    routes: all.map((route) => ourRoute(route, policyOf(route.host, policies))),
    clusters: Object.fromEntries(clusters),
  };
}

function routeForAll(host: string): ImportedRoute {
  return { match: { prefix: '/' }, host, port: undefined, timeoutMs: undefined, headers: undefined, cors: undefined };
}

/** A rule may name a host in full where a route has its short name, and the other way round. */
function policyOf(host: string, policies: ReadonlyMap<string, HashPolicy>): HashPolicy | undefined {
  return policies.get(host) ?? [...policies].find(([other]) => clusterName(other) === clusterName(host))?.[1];
}

function ourRoute({ match, host, timeoutMs, headers, cors }: ImportedRoute, policy: HashPolicy | undefined): object {
  return {
    match,
    cluster: clusterName(host),
    ...(policy?.shardKey !== undefined && { shardKey: policy.shardKey }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(headers !== undefined && { headers }),
    ...(cors !== undefined && { cors }),
  };
}
