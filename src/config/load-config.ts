import { readFileSync } from 'node:fs';
import { isMap, isScalar, isSeq, LineCounter, type ParsedNode, parseDocument } from 'yaml';
import type { z } from 'zod';
import type { Http2Limits } from '../http2/index.ts';
import type { PlacementName } from '../placement/index.ts';
import {
  ClientCertificates,
  type ListenerDescription,
  type RoutedCluster,
  type RouteMatch,
  type RouterLimits,
  type RoutingDescription,
  ServerCertificates,
  type ShardKeySource,
  type TextMatch,
  tlsFault,
} from '../router/index.ts';
import { type HostPort, type PlacementChoice, parseSlotRanges, slotFault, splitAddress } from '../topology/index.ts';
import { ConfigError, type ConfigFault } from './config-error.ts';
import { nearestName } from './nearest-name.ts';
import { type ConfigFile, configJsonSchema, configSchema } from './schema.ts';

type Path = ReadonlyArray<string | number>;

/** A config that has been checked, in the terms of what it configures. */
export interface Config {
  readonly listen: readonly ListenerDescription[];
  readonly admin: HostPort;
  readonly workers: number;
  readonly drainMs: number;
  readonly limits: Http2Limits & RouterLimits;
  readonly routing: RoutingDescription;
}

/** Reads and checks a config file. @throws ConfigError naming every fault */
export function loadConfig(file: string): Config {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const message = code === 'ENOENT' ? 'there is no such file' : `cannot be read: ${code}`;
    throw new ConfigError([{ file, line: 0, column: 0, path: '', message }], { cause });
  }
  return parseConfig(text, file);
}

/** Checks a config's text; `file` is the name for messages. @throws ConfigError naming every fault */
export function parseConfig(text: string, file: string): Config {
  const source = new Source(text, file);
  const parsed = configSchema.safeParse(source.value);
  if (!parsed.success) throw new ConfigError(parsed.error.issues.flatMap((issue) => source.faultsOf(issue)));
  const faults: ConfigFault[] = [];
  const config = build(parsed.data, (path, message) => faults.push(source.fault(path, message)));
  if (faults.length > 0) throw new ConfigError(faults);
  return config;
}

/** A YAML text that can tell where in it a value stands. */
class Source {
  readonly #lines = new LineCounter();
  readonly #file: string;
  readonly #document;
  readonly value: unknown;

  constructor(text: string, file: string) {
    this.#file = file;
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    const [error] = this.#document.errors;
    if (error !== undefined) {
      const { line, col } = this.#lines.linePos(error.pos[0]);
      throw new ConfigError([{ file, line, column: col, path: '', message: `not YAML: ${error.message}` }]);
    }
    this.value = this.#document.toJS();
  }

  /** A fault at a value; where the value is missing, at the nearest thing around it. */
  fault(checked: Path, message: string, key?: string): ConfigFault {
    const path = this.#asWritten(checked);
    const offset = this.#offsetOf(path, key);
    const { line, col } = offset === undefined ? { line: 1, col: 1 } : this.#lines.linePos(offset);
    const dotted = [...path, ...(key === undefined ? [] : [key])].join('.');
    return { file: this.#file, line, column: col, path: dotted, message };
  }

  /** Without the steps into a list that the file has not: where one of several may stand alone. */
  #asWritten(path: Path): Path {
    const written: Array<string | number> = [];
    for (const step of path) {
      const node = this.#document.getIn(written, true);
      if (typeof step !== 'number' || isSeq(node)) written.push(step);
    }
    return written;
  }

  #offsetOf(path: Path, key: string | undefined): number | undefined {
    for (let length = path.length; length >= 0; length--) {
      const node = this.#document.getIn(path.slice(0, length), true) as ParsedNode | undefined;
      if (key !== undefined && length === path.length && isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key);
        if (pair !== undefined) return (pair.key as ParsedNode).range[0];
      }
      if (node?.range != null) return node.range[0];
    }
    return undefined;
  }

  faultsOf(issue: z.core.$ZodIssue): ConfigFault[] {
    const path = issue.path as Path;
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => this.fault(path, unknownField(key, knownFields(path)), key));
    }
    if (issue.code === 'invalid_key') return [this.fault(path, issue.issues[0]?.message ?? issue.message)];
    return [this.fault(path, messageOf(issue))];
  }
}

const EXPECTED: Readonly<Record<string, string>> = { array: 'a list', object: 'a mapping', string: 'a text' };

function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined'))
    return `is missing; give ${EXPECTED[issue.expected] ?? issue.expected}`;
  return issue.message.replace(/^Invalid input: /, '').replace(/^Too /, 'too ');
}

function unknownField(key: string, known: readonly string[]): string {
  const near = nearestName(key, known);
  return near === undefined
    ? `there is no such field; known ones are ${known.join(', ')}`
    : `there is no such field; did you mean ${near}?`;
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  /** One of several may stand alone: alone, or in a list. */
  readonly anyOf?: readonly SchemaNode[];
}

/** The fields that the schema knows at a path. */
function knownFields(path: Path): string[] {
  let node: SchemaNode | undefined = configJsonSchema() as SchemaNode;
  for (const step of path) {
    const additional: SchemaNode | boolean | undefined = node?.additionalProperties;
    const other: SchemaNode | undefined = typeof additional === 'object' ? additional : undefined;
    const list: SchemaNode | undefined = node?.items ?? node?.anyOf?.[1]?.items;
    node = typeof step === 'number' ? list : (node?.properties?.[step] ?? other);
  }
  return Object.keys(node?.properties ?? {});
}

type Report = (path: Path, message: string) => void;

function build(file: ConfigFile, report: Report): Config {
  const clusters = Object.entries(file.clusters).map(([name, cluster]) => buildCluster(name, cluster, report));
  const names = Object.keys(file.clusters);
  const routes = file.routes.map((route, i) => {
    if (!names.includes(route.cluster)) {
      const near = nearestName(route.cluster, names) ?? names.join(', ');
      report(['routes', i, 'cluster'], `there is no cluster ${route.cluster}; did you mean ${near}?`);
    }
    // The schema has seen to it that each has exactly one place, which is what tells the kinds apart.
    const shardKey = route.shardKey.map((source) => withoutUndefined(source) as unknown as ShardKeySource);
    const { request: requestHeaders, response: responseHeaders } = route.headers;
    const { cluster, timeoutMs } = route;
    return { match: matchOf(route.match), cluster, shardKey, timeoutMs, requestHeaders, responseHeaders };
  });
  return {
    listen: file.listen.map((listener, i) => buildListener(listener, i, report)),
    admin: splitAddress(file.admin.address),
    workers: file.workers,
    drainMs: file.drainSeconds * 1000,
    limits: file.limits,
    routing: { routes, clusters },
  };
}

function buildListener(
  { address, tls, proxyProtocol }: ConfigFile['listen'][number],
  i: number,
  report: Report,
): ListenerDescription {
  const fault = tls === undefined ? null : tlsFault(() => new ServerCertificates(tls));
  if (fault !== null) report(['listen', i, 'tls'], `${fault.file} ${fault.message}`);
  return { ...splitAddress(address), tls, proxyProtocol };
}

function matchOf({ prefix, path, regex, hosts, methods, headers }: ConfigFile['routes'][number]['match']): RouteMatch {
  const onPath = path !== undefined ? { exact: path } : regex !== undefined ? { regex } : { prefix: prefix ?? '/' };
  const tests = Object.entries(headers ?? {}).map(([name, test]) => [name, withoutUndefined(test)]);
  return { path: onPath, hosts, methods, headers: Object.fromEntries(tests) as Record<string, TextMatch> };
}

function withoutUndefined(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined));
}

function buildCluster(name: string, cluster: ConfigFile['clusters'][string], report: Report): RoutedCluster {
  const path = ['clusters', name, 'shards'];
  const placement = placementOf(cluster.placement);
  const { tls } = cluster.upstream;
  const tlsProblem = tls === undefined ? null : tlsFault(() => new ClientCertificates(tls).options());
  if (tlsProblem !== null) report(['clusters', name, 'upstream', 'tls'], `${tlsProblem.file} ${tlsProblem.message}`);
  const seen = new Set<string>();
  const shards = cluster.shards.map((shard, i) => {
    if (seen.has(shard.id))
      report([...path, i, 'id'], `${shard.id} stands more than once; ids are unique in a cluster`);
    seen.add(shard.id);
    const parsed = shard.slots === undefined ? undefined : parseSlotRanges(shard.slots);
    if (typeof parsed === 'string') report([...path, i, 'slots'], parsed);
    if (parsed !== undefined && placement.name !== 'slots')
      report([...path, i, 'slots'], `slots go with placement slots, and this is ${placement.name}`);
    const { id, address, hostname, weight } = shard;
    return { id, address, hostname, weight, slots: typeof parsed === 'string' ? undefined : parsed };
  });
  if (placement.name === 'slots' && shards.some((shard) => shard.slots !== undefined)) {
    const fault = slotFault(shards.map(({ id, slots }) => ({ id, slots: slots ?? [] })));
    if (fault !== null) report(path, fault);
  }
  return { name, placement, hashOn: cluster.hashOn, shards, upstream: cluster.upstream };
}

function placementOf(choice: ConfigFile['clusters'][string]['placement']): PlacementChoice {
  const [entry] = Object.entries(choice).filter(([, options]) => options !== undefined);
  const [name, options] = entry as [PlacementName, Record<string, unknown>];
  return { name, options };
}
