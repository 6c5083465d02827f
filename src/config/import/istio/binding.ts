import type { ImportedGateway, ImportedServer } from './gateway.ts';
import { askedAs, commonHosts } from './hosts.ts';
import type { Resource } from './resources.ts';

/** Where a VirtualService's routes are served, in Istio's terms, as far as that decides something here. */
export interface Binding {
  /** The hosts that clients may ask for; none where no client may, or the service is only what others delegate to. */
  readonly hosts: readonly string[];
  readonly translatesGrpcWeb: boolean;
}

/** Istio's name for the sidecars, which are bound to where nothing is said. */
const MESH = 'mesh';

/** Reads `hosts` and `gateways` of a VirtualService. What becomes wider than Istio has it is reported. */
export function readBinding({ spec, namespace }: Resource, gateways: readonly ImportedGateway[]): Binding {
  const names = spec.has('gateways') ? spec.texts('gateways') : [MESH];
  const given = spec.texts('hosts').filter((host) => {
    const isHost = host === '*' || /^(\*\.)?[^*]+$/.test(host);
    if (!isHost) spec.leaveOut('hosts', `${host}: a wildcard stands for whole labels, as in *.example.com`);
    return isHost;
  });
  if (given.length === 0) {
    spec.leaveOut('hosts', 'it has none: other services delegate to its routes, which Keyway does not support');
    return { hosts: [], translatesGrpcWeb: false };
  }
  const bound = names.filter((name) => name !== MESH).map((name) => findGateway(name, namespace, gateways));
  const servers = bound.flatMap((gateway) => gateway?.servers ?? []);
  const isForMesh = names.includes(MESH);
  if (gateways.length > 0) reportWiderBinding(spec, names, isForMesh, servers, gateways);
  // A gateway that is in none of the files may have any host.
  const isOpen = isForMesh || bound.includes(undefined);
  const asked = given.flatMap((host) => askedAs(host, namespace));
  const hosts = isOpen ? [...new Set(asked)] : commonHosts(asked, hostsOf(servers, namespace));
  if (hosts.length === 0) spec.leaveOut('hosts', 'its gateways have none of them: no client can reach its routes');
  const served = isOpen ? gateways.flatMap((gateway) => gateway.servers) : servers;
  return { hosts, translatesGrpcWeb: served.some(({ translatesGrpcWeb }) => translatesGrpcWeb) };
}

function findGateway(
  text: string,
  namespace: string | undefined,
  gateways: readonly ImportedGateway[],
): ImportedGateway | undefined {
  const [within, name] = text.includes('/') ? text.split('/', 2) : [namespace, text];
  const isIn = (gateway: ImportedGateway): boolean =>
    within === undefined || gateway.namespace === undefined || gateway.namespace === within;
  return gateways.find((gateway) => gateway.name === name && isIn(gateway));
}

function hostsOf(servers: readonly ImportedServer[], namespace: string | undefined): string[] {
  const hosts = servers.flatMap((server) => server.hosts);
  return hosts
    .filter(({ only }) => only === undefined || namespace === undefined || only === namespace)
    .map(({ host }) => host);
}

/** Keyway has one list of routes for all that it listens on. */
function reportWiderBinding(
  spec: Resource['spec'],
  names: readonly string[],
  isForMesh: boolean,
  servers: readonly ImportedServer[],
  gateways: readonly ImportedGateway[],
): void {
  const ports = new Set(gateways.flatMap((gateway) => gateway.servers.map(({ port }) => port)));
  const own = new Set(servers.map(({ port }) => port));
  const where = `Keyway serves its routes on every port (${[...ports].join(', ')})`;
  if (names.every((name) => name === MESH))
    spec.change('gateways', `it names no gateway, so it is for sidecars: ${where}`);
  else if (!isForMesh && [...ports].some((port) => !own.has(port))) spec.change('gateways', where);
}
