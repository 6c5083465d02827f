import { isSamePlace, splitAddress } from '../../../runtime/address.ts';
import { configSchema } from '../../schema/index.ts';
import { limits as limitsSchema } from '../../schema/limits.ts';
import { freeAdminPort } from '../admin-port.ts';
import type { Difference, Fields } from '../fields.ts';
import type { ForeignImport } from '../foreign-import.ts';
import type { ShardsByHost } from '../shards.ts';
import { withoutFaults } from '../without-faults.ts';
import { readBootstrap } from './bootstrap.ts';
import { Clusters, connectTimeout } from './clusters.ts';
import { type ImportedListener, readListeners } from './listeners.ts';
import type { ImportedManager } from './manager.ts';
import { buildRoutes } from './routes.ts';

/** What of a bootstrap is imported. */
export interface EnvoyImportOptions {
  /** Endpoints of clusters that the file does not list. */
  readonly shards?: ShardsByHost;
  /** The name or address of a listener, where listeners have unequal routes; the first by default. */
  readonly listener?: string | undefined;
}

/** Makes a config of a static bootstrap. Whatever has no place in it is reported, and the rest is imported. */
export function importEnvoy(text: string, file: string, options: EnvoyImportOptions = {}): ForeignImport {
  const differences: Difference[] = [];
  const bootstrap = readBootstrap(text, file, differences);
  if (bootstrap === null) return { config: null, differences, unknownShards: [] };
  const { fields, rawListeners } = bootstrap;
  fields.take('node');
  const statics = fields.mapping('static_resources');
  const found = readListeners(statics.list('listeners'), rawListeners, options.listener);
  if (found === null) {
    differences.push({ kind: 'left out', field: file, reason: `there is no listener ${options.listener}` });
    return { config: null, differences, unknownShards: [] };
  }
  const listeners = found.filter((each, i) => canListen(each, found.slice(0, i), differences));
  const clusters = new Clusters(statics.list('clusters'), options.shards ?? {}, differences);
  const managers = listeners.flatMap((each) => each.managers);
  const routes = managers[0] === undefined ? [] : buildRoutes(managers[0], clusters, differences);
  // The others have the same routes, about which nothing is reported twice.
  for (const manager of managers.slice(1)) manager.place.take('route_config');
  const unknownShards = clusters.finish();
  const top = topLevel(listeners, managers, clusters, fields, differences);
  fields.finish();
  if (routes.length === 0) return { config: null, differences, unknownShards };
  const built = Object.fromEntries(clusters.all.map(({ name, config }) => [name, config]));
  return { config: { ...top, routes, clusters: built }, differences, unknownShards };
}

/** Whether a listener is one that our config may have, beside those before it. */
function canListen(
  { listen, place }: ImportedListener,
  before: readonly ImportedListener[],
  differences: Difference[],
): boolean {
  const isThere = before.some((other) => isTaken(listen.address, other.listen.address));
  if (isThere) place.leaveOut('address', `another listener has ${listen.address}: Keyway has one listener per address`);
  const { element } = configSchema.shape.listen;
  return !isThere && withoutFaults(element, listen, place.place, ['address', 'tls'], differences) !== null;
}

function topLevel(
  listeners: readonly ImportedListener[],
  managers: readonly ImportedManager[],
  clusters: Clusters,
  bootstrap: Fields,
  differences: Difference[],
): object {
  const [first] = managers;
  for (const other of managers.slice(1)) reportDifferences(first as ImportedManager, other);
  const listen = listeners.map((each) => each.listen);
  const wanted = { ...first?.limits, ...connectTimeout(clusters.all, differences) };
  const limits = withoutFaults(limitsSchema, wanted, first?.place.place ?? '', [], differences);
  const admin = readAdmin(bootstrap, listen);
  return {
    listen,
    ...(admin !== undefined && { admin: { address: admin } }),
    ...first?.settings,
    ...(limits !== null && Object.keys(limits).length > 0 && { limits }),
  };
}

/** Limits and settings are one for all listeners here. */
function reportDifferences(first: ImportedManager, other: ImportedManager): void {
  const text = ({ settings, limits, idleStreamMs }: ImportedManager): string =>
    JSON.stringify([settings, limits, idleStreamMs]);
  if (text(first) !== text(other))
    other.place.change(
      '',
      `it gets the timeouts and limits of ${first.place.place}: Keyway has one set for all listeners`,
    );
}

function isTaken(address: string, by: string): boolean {
  return isSamePlace(splitAddress(address), splitAddress(by));
}

const { address: addressSchema } = configSchema.shape.admin.unwrap().shape;

/** The admin address: on loopback, where a token is not needed. Undefined where it is by default. */
function readAdmin(bootstrap: Fields, listen: ReadonlyArray<{ address: string }>): string | undefined {
  const socket = bootstrap.mapping('admin').mapping('address').mapping('socket_address');
  const host = socket.text('address');
  const port = socket.number('port_value');
  const wanted = `127.0.0.1:${port}`;
  const isFree = addressSchema.safeParse(wanted).success && !listen.some(({ address }) => isTaken(wanted, address));
  if (port !== undefined && isFree) {
    if (host !== '127.0.0.1')
      socket.change('address', 'the admin address is on loopback: any other address needs a tokenFile');
    return wanted;
  }
  if (port !== undefined) socket.leaveOut('port_value', `the admin address cannot be at ${port}`);
  const free = freeAdminPort(new Set(listen.map(({ address }) => splitAddress(address).port)));
  return free === null ? undefined : `127.0.0.1:${free}`;
}
