import { parse } from 'yaml';
import { type Difference, Fields } from '../fields.ts';

/** A bootstrap as Envoy reads it. */
export interface Bootstrap {
  readonly fields: Fields;
  /** Its listeners as they stand, to be compared before any of them is read. */
  readonly rawListeners: readonly unknown[];
}

type Mapping = Readonly<Record<string, unknown>>;

/** Reads YAML or JSON, by the names of fields that Envoy takes: of proto or of its JSON form. @returns null where it is neither */
export function readBootstrap(text: string, file: string, differences: Difference[]): Bootstrap | null {
  try {
    const value = withProtoNames(parse(text, { logLevel: 'error', merge: true }));
    const rawListeners = at(at(value, 'static_resources'), 'listeners');
    return {
      fields: new Fields(value, `${file}: `, differences),
      rawListeners: Array.isArray(rawListeners) ? rawListeners : [],
    };
  } catch (cause) {
    const reason = `not YAML: ${(cause as Error).message.split('\n')[0] ?? ''}`;
    differences.push({ kind: 'left out', field: file, reason });
    return null;
  }
}

/** What stands there, of a value that may be anything. */
export function at(value: unknown, name: string | number): unknown {
  return typeof value === 'object' && value !== null ? (value as Mapping)[name] : undefined;
}

/** `minimumRingSize` and `minimum_ring_size` are one field (proto3's JSON mapping). Names with dots or signs are keys of a map. */
function withProtoNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withProtoNames);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [protoName(name), withProtoNames(each)]));
}

function protoName(name: string): string {
  const isCamelCase = /^[a-z][a-z0-9]*(?:[A-Z][a-z0-9]*)+$/.test(name);
  return isCamelCase ? name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : name;
}

/** The last part of a `@type`, such as `HttpConnectionManager`. */
export function typeOf(config: unknown): string {
  return String(at(config, '@type') ?? '')
    .split('.')
    .at(-1) as string;
}

/** `host:port` of an Address of Envoy's; undefined, and reported, where it is of another kind. */
export function readAddress(address: Fields): string | undefined {
  const socket = address.mapping('socket_address');
  const host = socket.text('address');
  const port = socket.port('port_value');
  if (socket.has('protocol') && socket.text('protocol') === 'UDP') socket.leaveOut('protocol', 'Keyway speaks TCP');
  if (host !== undefined && port !== undefined) return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  address.finish('Keyway supports only hosts and ports');
  return undefined;
}
