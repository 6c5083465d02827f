import { get } from 'node:http';
import { stringify } from 'yaml';
import { freePorts, type Running, type Scope } from './processes.ts';

/** A router in a process of its own, in front of backends that a test has made. */
export interface RouterUnderTest {
  readonly process: Running;
  readonly port: number;
  readonly endpoint: string;
  readonly admin: string;
  readonly config: string;
  /** Its metrics as they were when a test began that shares it with others. */
  readonly countedBefore?: string;
}

export interface RouterSetup {
  /** Ports of the shards s0, s1, …, on loopback. */
  readonly shards: readonly number[];
  /** Where the cluster comes from instead, as the config has it. Its topologies are kept in a folder of the router's own. */
  readonly registry?: object;
  readonly routes?: readonly object[];
  readonly limits?: object;
  readonly workers?: number;
  readonly drainSeconds?: number;
  readonly hashOn?: 'address' | 'id';
  readonly upstream?: object;
  /** What a cluster has besides; with `discover` its shards come from there. */
  readonly cluster?: object;
  /** What the config has besides. */
  readonly config?: object;
  /** What a listener has besides its address. */
  readonly listener?: object;
}

export async function startRouter(scope: Scope, setup: RouterSetup): Promise<RouterUnderTest> {
  const [adminPort] = (await freePorts(1)) as [number];
  // What another test's router has kept would count as versions that the registry has forgotten.
  const registry = setup.registry === undefined ? {} : { registry: { keepIn: scope.folder(), ...setup.registry } };
  const config = scope.file('keyway.yaml', configOf({ ...setup, ...registry }, adminPort));
  const process = scope.keyway(['router', '--config', config]);
  const [, port] = await process.printed(/listening on 127\.0\.0\.1:(\d+)/);
  const endpoint = `127.0.0.1:${port}`;
  return { process, port: Number(port), endpoint, admin: `http://127.0.0.1:${adminPort}`, config };
}

/** The text of a router's config. */
export function configOf(setup: RouterSetup, adminPort: number): string {
  return stringify({
    ...setup.config,
    listen: [{ address: '127.0.0.1:0', ...setup.listener }],
    admin: { address: `127.0.0.1:${adminPort}` },
    workers: setup.workers ?? 1,
    drainTimeout: `${setup.drainSeconds ?? 5}s`,
    ...(setup.limits === undefined ? {} : { limits: setup.limits }),
    ...(setup.registry === undefined ? {} : { registry: setup.registry }),
    routes: setup.routes ?? [{ match: { prefix: '/' }, cluster: 'docs' }],
    clusters: {
      docs: {
        ...(setup.upstream === undefined ? {} : { upstream: setup.upstream }),
        ...setup.cluster,
        ...sourceOf(setup),
      },
    },
  });
}

function sourceOf(setup: RouterSetup): object {
  if (setup.cluster !== undefined && 'discover' in setup.cluster) return {};
  return setup.registry === undefined ? described(setup) : { fromRegistry: {} };
}

function described({ hashOn = 'address', shards }: RouterSetup): object {
  return { hashOn, shards: shards.map((port, i) => ({ id: `s${i}`, address: `127.0.0.1:${port}` })) };
}

/** Fetches text over HTTP/1.1. */
export function fetchText(url: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    get(url, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    }).on('error', reject);
  });
}

/**
 * A metric's value, by its name and as many of its labels as are given: the sum of the series that have them. What is counted is counted from when
 * the test got its router.
 */
export async function metric(router: RouterUnderTest, wanted: string): Promise<number> {
  const { text } = await fetchText(`${router.admin}/metrics`);
  const values = seriesOf(text, wanted);
  if (values.length === 0) throw new Error(`no metric ${wanted} in\n${text}`);
  const isCount = /^\w+_total\b/.test(wanted);
  return sum(values) - (isCount ? sum(seriesOf(router.countedBefore ?? '', wanted)) : 0);
}

function seriesOf(metrics: string, wanted: string): number[] {
  const [, name, labels = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(wanted) ?? [];
  const given = labels === '' ? [] : labels.split(',');
  return [...metrics.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)]
    .filter(([, each, found = '']) => each === name && given.every((label) => `,${found},`.includes(`,${label},`)))
    .map(([, , , value]) => Number(value));
}

const sum = (values: readonly number[]): number => values.reduce((all, each) => all + each, 0);

/** Polls until `holds` is true: for states that nothing announces. The test's own time limit ends it. */
export async function eventually(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}
