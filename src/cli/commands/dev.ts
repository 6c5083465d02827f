import { type ChildProcess, fork } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { Command } from 'commander';
import { stringify } from 'yaml';
import { RouterProcess } from '../../app/router-process.ts';
import { parseConfig } from '../../config/index.ts';
import { DEFAULT_NAMESPACE, isUnderWay, type SqliteStore } from '../../registry/index.ts';
import { addressText, type HostPort } from '../../runtime/address.ts';
import { moduleFile } from '../../runtime/module-file.ts';
import { makePrivateFolder, writePrivateFile } from '../../runtime/private-file.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import { checkTopology, type TopologyDraft } from '../../topology/index.ts';
import { registryOn } from '../options/open-registry.ts';
import { addressOption, integerOption, optionWithDefault } from '../options/options.ts';
import { DEFAULT_REGISTRY } from '../options/registry-option.ts';
import { goOnUnread, writeErr, writeOut } from '../output/terminal.ts';
import { stopOnSignals } from '../signals.ts';
import { serveRegistry } from './registry.ts';

const CLUSTER = 'docs';
const FIRST_SHARD_PORT = 9101;
const MOST_SHARDS = 64;
/**
 * A shard that ended by itself is started again after this long: somebody who kills one has the time to see, by hand and on a
 * busy machine too, what its clients see meanwhile.
 */
const RESTART_MS = 10_000;
/** The command's own file, source or built, to start shards with. */
const COMMAND = fileURLToPath(moduleFile('../main', import.meta.url));

interface DevOptions {
  readonly shards: number;
  readonly listen: HostPort;
  readonly admin: HostPort;
  readonly registry: HostPort;
  readonly data: string;
}

export function devCommand(): Command {
  return new Command('dev')
    .description('run a router and reference shards on this machine')
    .option('--shards <number>', 'how many shards', integerOption(1, MOST_SHARDS), 3)
    .addOption(optionWithDefault('--listen <address>', 'the endpoint', addressOption, '127.0.0.1:8080'))
    .addOption(optionWithDefault('--admin <address>', 'health and metrics', addressOption, '127.0.0.1:9901'))
    .addOption(
      optionWithDefault('--registry <address>', 'where the registry is served', addressOption, DEFAULT_REGISTRY),
    )
    .option('--data <folder>', 'where the data is kept', '.keyway')
    .addHelpText('after', '\nExample:\n  keyway dev --shards 5 --listen 127.0.0.1:9000')
    .action(dev);
}

async function dev(options: DevOptions): Promise<void> {
  goOnUnread();
  makePrivateFolder(options.data);
  const started = new AsyncDisposableStack();
  const stopping = new AbortController();
  // From here on, so that a Ctrl-C while it starts leaves no shard behind.
  stopOnSignals(() => {
    stopping.abort();
    return started.disposeAsync();
  });
  try {
    writeOut(greeting(await start(options, started, stopping.signal)));
  } catch (error) {
    // The signal ends the process, once what was started has stopped.
    if (stopping.signal.aborted) return;
    await started.disposeAsync();
    throw error;
  }
}

/** Starts all of it, one after the other. @param started is given what there is to be stopped, in its order */
async function start(options: DevOptions, started: AsyncDisposableStack, stopping: AbortSignal): Promise<Started> {
  const registry = await serveRegistry({
    listen: options.registry,
    data: join(options.data, 'registry.sqlite'),
    listenAt: '--registry',
  });
  started.defer(() => registry.close());
  const shards: ShardProcess[] = [];
  started.defer(async () => void (await Promise.all(shards.map((shard) => shard.stop()))));
  const registryAddress = addressText({ host: options.registry.host, port: registry.port });
  await startShards(options, registryAddress, shards, stopping);
  const version = await register(registry.store, topologyOf(shards));
  const file = join(options.data, 'keyway.yaml');
  const text = configText(options, registryAddress);
  writePrivateFile(file, text);
  const router = new RouterProcess(parseConfig(text, file), { listenAt: '--listen', adminAt: '--admin' });
  const { ports, adminPort } = await router.start();
  started.defer(() => router.stop());
  const endpoint = addressText({ host: options.listen.host, port: ports[0] as number });
  const admin = addressText({ host: options.admin.host, port: adminPort });
  return { endpoint, admin, registry: registryAddress, file, version, shards };
}

/** A shard that finds its port taken comes up at another, and keeps its keys: they are placed by the ids. */
function topologyOf(shards: readonly ShardProcess[]): TopologyDraft {
  return checkTopology(
    {
      namespace: DEFAULT_NAMESPACE,
      cluster: CLUSTER,
      placement: { ringHash: { minimumRingSize: 1024 } },
      shards: shards.map(({ id, address }) => ({ id, address })),
    },
    'the cluster',
  );
}

/** Puts the cluster into the registry, at a new version where it has changed. @returns the version */
async function register(store: SqliteStore, draft: TopologyDraft): Promise<number> {
  const { topologies, handoffs } = registryOn(store);
  const name = { namespace: draft.namespace, cluster: draft.name };
  const { handoff } = await handoffs.read(name);
  // Nobody routes yet: what was under way when all of it was stopped is for nobody.
  if (handoff !== null && isUnderWay(handoff)) await handoffs.abort(name, handoff, 'keyway dev starts over');
  const stored = await topologies.read(name);
  if (stored !== null && isDeepStrictEqual({ ...stored, version: null }, draft)) return stored.version;
  return (await topologies.commit(draft)).version;
}

interface Started {
  readonly endpoint: string;
  readonly admin: string;
  readonly registry: string;
  readonly file: string;
  readonly version: number;
  readonly shards: readonly ShardProcess[];
}

function greeting({ endpoint, admin, registry, file, version, shards }: Started): string {
  const of = registry === DEFAULT_REGISTRY ? '' : ` --registry ${registry}`;
  const at = endpoint === '127.0.0.1:8080' ? '' : ` --endpoint ${endpoint}`;
  return [
    `endpoint  ${endpoint}`,
    `admin     http://${admin}/metrics`,
    `config    ${file}`,
    `registry  ${registry}`,
    `topology  version ${version}`,
    `router    pid ${process.pid}`,
    ...shards.map((shard) => `shard     ${shard.id} ${shard.address}, pid ${shard.pid}`),
    '',
    'try, in another terminal:',
    `  npx keyway kv put${at} demo/hello "good day"`,
    `  npx keyway kv get${at} demo/hello --json`,
    `  npx keyway kv watch${at} demo/hello`,
    `  npx keyway explain --config ${file} demo/hello`,
    `  npx keyway status${of}`,
    `  npx keyway shard weight${of} s0 2`,
    `  npx keyway load ${endpoint} --watch 100 --check`,
    '',
  ].join('\n');
}

function configText({ listen, admin }: DevOptions, registry: string): string {
  return stringify({
    listen: [{ address: addressText(listen) }],
    // People read this terminal.
    log: { level: 'warn' },
    admin: { address: addressText(admin) },
    drainTimeout: '5s',
    registry: { remote: { address: registry }, keepIn: 'topologies' },
    // Nobody has to be spared here, and somebody looks.
    drain: { window: '500ms', pushback: '100ms' },
    routes: [
      {
        match: { prefix: '/' },
        cluster: CLUSTER,
        shardKey: { header: 'x-shard-key' },
        watch: ['/keyway.shard.v1.Documents/Watch'],
      },
    ],
    clusters: { [CLUSTER]: { fromRegistry: {} } },
  });
}

/** Starts shards one after the other, each at the next free port; `started` has them also where one fails. */
async function startShards(
  { shards, data }: DevOptions,
  registry: string,
  started: ShardProcess[],
  stopping: AbortSignal,
): Promise<void> {
  const file = join(data, 'documents.sqlite');
  let port = FIRST_SHARD_PORT;
  for (let i = 0; i < shards; i++) {
    port = await freePort(port);
    stopping.throwIfAborted();
    const shard = new ShardProcess(`s${i}`, port, file, registry);
    started.push(shard);
    await shard.start();
    port++;
  }
}

/** The first port from `from` on that nobody listens on. */
async function freePort(from: number): Promise<number> {
  for (let port = from; port <= 65535; port++) {
    const free = await new Promise<boolean>((resolve) => {
      const probe = createServer()
        .once('error', () => resolve(false))
        .listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
  throw new UsageError(`no port from ${from} on is free`);
}

/** A reference shard in a process of its own, started again when it ends by itself. */
class ShardProcess {
  readonly id: string;
  readonly address: string;
  readonly #file: string;
  readonly #registry: string;
  #child: ChildProcess | null = null;
  #restart: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor(id: string, port: number, file: string, registry: string) {
    this.id = id;
    this.address = `127.0.0.1:${port}`;
    this.#file = file;
    this.#registry = registry;
  }

  /** Of the process that runs, or ran last. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves once it listens. */
  start(): Promise<void> {
    const where = ['--id', this.id, '--listen', this.address, '--data', this.#file];
    const child = fork(COMMAND, ['backend', ...where, '--cluster', CLUSTER, '--registry', this.#registry], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      // A Ctrl-C goes to the whole foreground group: the shards are to outlive the router's draining.
      detached: true,
    });
    this.#child = child;
    return new Promise((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', (code, signal) => {
        const how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
        reject(new Error(`shard ${this.id} ${how}`));
        if (!this.#stopping) this.#startAgain(`shard ${this.id} (pid ${child.pid}) ${how}`);
      });
    });
  }

  #startAgain(why: string): void {
    writeErr(`${why}; it is started again in ${RESTART_MS / 1000} s\n`);
    this.#restart = setTimeout(() => {
      this.start().then(
        () => writeErr(`shard ${this.id} is back, pid ${this.pid}\n`),
        () => {
          // Its exit has said so already, and the next attempt is under way.
        },
      );
    }, RESTART_MS);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    await new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.kill('SIGTERM');
    });
  }
}
