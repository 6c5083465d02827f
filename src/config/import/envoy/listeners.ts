import type { Fields } from '../fields.ts';
import { at, readAddress, typeOf } from './bootstrap.ts';
import { type ImportedManager, readManager } from './manager.ts';
import { readServerTls } from './tls.ts';

/** Where an Envoy listens, in the terms of our config, and what it does with requests there. */
export interface ImportedListener {
  readonly listen: { readonly address: string };
  readonly place: Fields;
  readonly managers: readonly ImportedManager[];
}

/** The routes of a listener's HTTP connection managers as text: what has the same serves the same. */
function routesOf(listener: unknown): string[] {
  const chains = [at(listener, 'filter_chains'), [at(listener, 'default_filter_chain')]].flat();
  return chains.flatMap((chain) => routesOfChain(chain));
}

function routesOfChain(chain: unknown): string[] {
  const filters = at(chain, 'filters');
  const configs = (Array.isArray(filters) ? filters : []).map((filter) => at(filter, 'typed_config'));
  const managers = configs.filter((config) => typeOf(config) === 'HttpConnectionManager');
  // What a route configuration is called decides nothing.
  const withoutName = (routes: unknown): unknown =>
    typeof routes === 'object' ? { ...routes, name: undefined } : routes;
  return managers.map((config) =>
    JSON.stringify([withoutName(at(config, 'route_config')), at(config, 'http_filters')]),
  );
}

/**
 * Reads the listeners that serve the same routes as the first one does, or as the one that is asked for: Keyway has one list of
 * routes for all that it listens on.
 * @param wanted a listener's name, or its address
 * @returns null where there is no such listener
 */
export function readListeners(
  listeners: readonly Fields[],
  raw: readonly unknown[],
  wanted: string | undefined,
): ImportedListener[] | null {
  const names = raw.map(namesOf);
  const chosen = raw.findIndex((listener, i) =>
    wanted === undefined ? routesOf(listener).length > 0 : names[i]?.includes(wanted),
  );
  if (wanted !== undefined && chosen < 0) return null;
  const [served] = routesOf(raw[chosen]);
  return listeners.flatMap((listener, i) => {
    const routes = routesOf(raw[i]);
    if (served !== undefined && routes.includes(served)) return readListener(listener, raw[i], served);
    const name = names[i]?.at(-1) ?? '';
    const reason =
      routes.length === 0
        ? 'it has no HTTP connection manager: Keyway routes only HTTP'
        : `it has other routes than ${names[chosen]?.at(-1)}, and Keyway has one list of routes: import it separately with --listener ${name}`;
    listener.leaveOut('', reason);
    return [];
  });
}

/** What a listener may be called by: its name, and its address. */
function namesOf(listener: unknown): string[] {
  const socket = at(at(listener, 'address'), 'socket_address');
  const names = [at(listener, 'name'), `${at(socket, 'address')}:${at(socket, 'port_value')}`];
  return names.filter((name) => typeof name === 'string');
}

function readListener(listener: Fields, raw: unknown, served: string): ImportedListener[] {
  listener.take('name');
  const address = readAddress(listener.mapping('address'));
  const proxyProtocol = readListenerFilters(listener);
  const chains = listener.list('filter_chains');
  const own = listener.has('default_filter_chain') ? [listener.mapping('default_filter_chain')] : [];
  const rawChains = [
    at(raw, 'filter_chains') ?? [],
    listener.has('default_filter_chain') ? [at(raw, 'default_filter_chain')] : [],
  ].flat();
  const all = [...chains, ...own];
  const used = all.filter((chain, i) => {
    const isServed = routesOfChain(rawChains[i]).includes(served);
    if (!isServed) chain.leaveOut('', 'it has other routes, and Keyway has one list of routes for all its listeners');
    return isServed;
  });
  if (address === undefined) {
    listener.leaveOut('', 'it has no address on which Keyway could listen');
    return [];
  }
  const managers = used.flatMap(readManagers);
  const { tls, isOpen } = readChainsTls(used);
  // What was behind TLS is not served without it but to this machine.
  const safe = isOpen ? address : `127.0.0.1${address.slice(address.lastIndexOf(':'))}`;
  return [
    {
      place: listener,
      listen: { address: safe, ...(tls !== undefined && { tls }), ...(proxyProtocol && { proxyProtocol }) },
      managers,
    },
  ];
}

/** @returns whether connections begin with a PROXY protocol header */
function readListenerFilters(listener: Fields): boolean {
  let hasProxyProtocol = false;
  for (const filter of listener.list('listener_filters')) {
    const type = typeOf(filter.take('typed_config'));
    const name = filter.text('name') ?? '';
    if (type === 'ProxyProtocol' || name.endsWith('proxy_protocol')) {
      hasProxyProtocol = true;
      filter.change('', 'Keyway requires the header on every connection, in version 2');
    } else if (type !== 'TlsInspector' && type !== 'HttpInspector' && !/(tls|http)_inspector$/.test(name))
      filter.leaveOut('', `${type || name}: Keyway has no such feature`);
  }
  return hasProxyProtocol;
}

function readManagers(chain: Fields): ImportedManager[] {
  chain.take('name');
  if (chain.has('filter_chain_match')) {
    const match = chain.mapping('filter_chain_match');
    match.take('transport_protocol');
    match.take('application_protocols');
    if (match.has('server_names')) {
      match.take('server_names');
      match.change('server_names', 'Keyway chooses the certificate by its names, and all names share the routes');
    }
  }
  return chain.list('filters').flatMap((filter) => {
    filter.take('name');
    const config = filter.mapping('typed_config');
    const type = typeOf({ '@type': config.take('@type') });
    if (type === 'HttpConnectionManager') return [readManager(config)];
    filter.leaveOut('', `${type}: Keyway routes only HTTP`);
    return [];
  });
}

function readChainsTls(chains: readonly Fields[]): { tls: object | undefined; isOpen: boolean } {
  const found = chains.map((chain) =>
    chain.has('transport_socket') ? readServerTls(chain.mapping('transport_socket')) : undefined,
  );
  const contexts = found.flatMap((each) => (each ? [each.tls as { certificates: object[] }] : []));
  const [first] = contexts;
  const isOpen = found.every((each) => each !== null);
  if (first === undefined || !isOpen) return { tls: undefined, isOpen };
  return { tls: { ...first, certificates: contexts.flatMap(({ certificates }) => certificates) }, isOpen };
}
