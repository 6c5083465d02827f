import { readDuration } from '../durations.ts';
import type { Fields } from '../fields.ts';
import { given, givenDuration, givenSize } from '../given.ts';
import { typeOf } from './bootstrap.ts';

/** An HTTP connection manager, in the terms of our config. */
export interface ImportedManager {
  readonly place: Fields;
  /** Reads its routes; null where they are not in the file. */
  readonly routes: () => Fields | null;
  readonly translatesGrpcWeb: boolean;
  /** For a stream of a route that has no time of its own; undefined: there is none. */
  readonly idleStreamMs: number | undefined;
  /** Top-level fields of our config. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly limits: Readonly<Record<string, unknown>>;
}

/** Envoy's `stream_idle_timeout` where none is given. */
const IDLE_STREAM_MS = 300_000;

export function readManager(manager: Fields): ImportedManager {
  manager.take('stat_prefix');
  const codec = manager.text('codec_type') ?? 'AUTO';
  if (codec !== 'AUTO') manager.change('codec_type', 'Keyway speaks HTTP/1.1 and HTTP/2 on every port');
  for (const name of ['normalize_path', 'strip_any_host_port', 'strip_matching_host_port']) manager.flag(name);
  for (const upgrade of manager.list('upgrade_configs'))
    if (upgrade.text('upgrade_type')?.toLowerCase() !== 'websocket')
      upgrade.leaveOut('', 'Keyway upgrades only to WebSockets');
  return {
    place: manager,
    routes: () => readRoutes(manager),
    translatesGrpcWeb: readHttpFilters(manager),
    idleStreamMs: timeOr(manager, 'stream_idle_timeout', IDLE_STREAM_MS),
    settings: readClients(manager),
    limits: readLimits(manager),
  };
}

/** A time that is a default where none is given, and none where it is 0. */
export function timeOr(fields: Fields, name: string, otherwise: number | undefined): number | undefined {
  return fields.has(name) ? readDuration(fields, name) : otherwise;
}

function readRoutes(manager: Fields): Fields | null {
  if (manager.has('route_config')) return manager.mapping('route_config');
  for (const name of ['rds', 'scoped_routes'])
    if (manager.has(name)) manager.leaveOut(name, 'its routes are not in the file: import a dump of its configuration');
  return null;
}

/** Without these, requests are let in that Envoy would refuse. */
const GUARDS =
  /ext_authz|jwt_authn|rbac|oauth2|basic_auth|api_key_auth|credential|csrf|ip_tagging|ratelimit|rate_limit/i;

/** @returns whether gRPC-Web is translated for shards that speak gRPC */
function readHttpFilters(manager: Fields): boolean {
  let translatesGrpcWeb = false;
  for (const filter of manager.list('http_filters')) {
    const name = filter.text('name') ?? '';
    const config = filter.mapping('typed_config');
    const type = typeOf({ '@type': config.take('@type') });
    if (type === 'Router' || type === 'Cors') continue;
    if (type === 'GrpcWeb') translatesGrpcWeb = true;
    else {
      const isGuard = GUARDS.test(`${name} ${type}`);
      const open = isGuard ? '; requests that it would refuse are allowed' : '';
      filter.leaveOut('', `${type || name}: Keyway has no such feature${open}`);
    }
  }
  return translatesGrpcWeb;
}

function readClients(manager: Fields): Record<string, unknown> {
  const hops = manager.number('xff_num_trusted_hops') ?? 0;
  const isEdge = manager.flag('use_remote_address');
  if (!isEdge)
    manager.change(
      'use_remote_address',
      "without this, Envoy trusts clients' x-forwarded-for; Keyway removes it unless trustedHops says that there are proxies in front",
    );
  return { ...(hops > 0 && { trustedHops: hops }), requestIds: readRequestIds(manager, isEdge) };
}

/** Envoy makes an id if there is none, and always a new one for requests from outside. */
function readRequestIds(manager: Fields, isEdge: boolean): string {
  const makes = !manager.has('generate_request_id') || manager.flag('generate_request_id');
  const keeps = manager.flag('preserve_external_request_id');
  if (!makes) return 'pass';
  return isEdge && !keeps ? 'always' : 'missing';
}

function readLimits(manager: Fields): Record<string, unknown> {
  const common = manager.mapping('common_http_protocol_options');
  const http2 = manager.mapping('http2_protocol_options');
  const kilobytes = manager.number('max_request_headers_kb');
  return {
    ...givenDuration(
      'idleConnection',
      common.has('idle_timeout') ? (readDuration(common, 'idle_timeout') ?? 0) : undefined,
    ),
    ...givenDuration('maxConnectionAge', readDuration(common, 'max_connection_duration')),
    ...given('maxConcurrentStreams', http2.number('max_concurrent_streams')),
    ...givenSize('streamWindow', http2.number('initial_stream_window_size')),
    ...givenSize('connectionWindow', http2.number('initial_connection_window_size')),
    ...givenDuration('requestHeadTimeout', readDuration(manager, 'request_headers_timeout')),
    ...givenSize('maxHeaderListSize', kilobytes === undefined ? undefined : kilobytes * 1024),
  };
}
